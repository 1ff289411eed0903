import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GroupState } from './group-store.ts';
import { LeaderWatch } from './leader-watch.ts';

function state(term: number, leader: number): GroupState {
  return {
    config: undefined,
    leader: undefined,
    planned: undefined,
    revisions: { config: 1, leader, term, planned: 0 },
  };
}

test('a primary is silent from the last new sign on, whatever the wall clock says', () => {
  let wallMs = 1_000_000;
  let monotonicMs = 100;
  const watch = new LeaderWatch({ nowMs: () => wallMs, monotonicMs: () => monotonicMs });
  monotonicMs = 150;
  assert.equal(watch.silentMs, 50);
  watch.observe(state(1, 1), 150);
  assert.equal(watch.silentMs, 0);
  monotonicMs = 400;
  wallMs -= 60_000;
  watch.observe(state(1, 1), 390);
  assert.equal(watch.silentMs, 250);
  watch.observe(state(1, 2), 390);
  assert.equal(watch.silentMs, 0);
});

test('a sign counts from when it was seen, since it may be as young as the answer', () => {
  let monotonicMs = 0;
  const watch = new LeaderWatch({ nowMs: () => 0, monotonicMs: () => monotonicMs });
  monotonicMs = 500;
  watch.observe(state(2, 0), 100);
  monotonicMs = 600;
  assert.equal(watch.silentMs, 100);
});
