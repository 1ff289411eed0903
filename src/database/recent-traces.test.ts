import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentTraces } from './recent-traces.ts';
import { ReplicaTraces } from './replica-traces.ts';
import type { RecordTrace } from './write-trace.ts';

function traces(count: number): RecordTrace[] {
  return Array.from({ length: count }, (_, i) => [i + 1, `trace ${i + 1}`]);
}

test('traces that a message has no room for are counted', () => {
  const recent = new RecentTraces();
  recent.add(traces(10));
  assert.deepEqual(recent.between(2, 6, 3), traces(4).slice(1));
  assert.equal(recent.untold, 2);
  assert.equal(recent.between(1, 10, 10).length, 10);
  assert.equal(recent.untold, 2);
});

test('traced transactions that a replica does not follow until they are applied are counted', () => {
  let notFollowed = 0;
  const clock = { nowMs: () => 0, monotonicMs: () => 0 };
  const replica = new ReplicaTraces(
    'shop',
    clock,
    () => {},
    () => {
      notFollowed += 1;
    },
  );
  replica.logged({ traces: traces(1030), atMs: 0 });
  assert.equal(notFollowed, 6);
});
