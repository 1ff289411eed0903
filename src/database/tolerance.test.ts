import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { TestFolder } from '../../test/test-database.ts';
import { createNodeRuntime } from '../runtime/interface.ts';
import { Tolerance } from './tolerance.ts';

const row = { table: 't', key: { id: 1 }, before: { v: 'wrong' }, after: null };

function begin(directory: string) {
  let nowMs = 0;
  const { files, clock } = createNodeRuntime();
  const tolerance = new Tolerance({
    files,
    clock: { ...clock, nowMs: () => clock.nowMs(), monotonicMs: () => nowMs },
    directory,
  });
  const leaseMs = tolerance.renew();
  return { tolerance, leaseMs, at: (ms: number) => (nowMs = ms) };
}

test('a repair that is heard of again goes on, and one that has gone ends as a divergence when rows were tolerated', () => {
  using folder = new TestFolder();
  const { tolerance, leaseMs, at } = begin(folder.path);
  tolerance.note(7, row);
  tolerance.sync();
  at(leaseMs - 1);
  tolerance.check();
  tolerance.renew();
  at(2 * leaseMs - 2);
  tolerance.check();
  assert.equal(tolerance.isOn, true);
  at(2 * leaseMs - 1);
  assert.throws(() => tolerance.check(), { code: 'DIVERGED' });
  assert.equal(tolerance.isOn, false);
  assert.deepEqual(readdirSync(path.join(folder.path, 'saved')), ['repaired-7.jsonl']);
});

test('a repair ends well when a comparison has found nothing, or when it has tolerated nothing', () => {
  using folder = new TestFolder();
  const first = begin(folder.path).tolerance;
  first.note(7, row);
  first.end(true);
  const { tolerance, leaseMs, at } = begin(folder.path);
  at(leaseMs);
  tolerance.check();
  assert.equal(tolerance.isOn, false);
});
