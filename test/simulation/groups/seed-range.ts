import assert from 'node:assert/strict';
import { SimulationThread } from '../simulation-thread.ts';
import { describeGroupFailure } from './group-report.ts';

/** Runs groups under many seeds, all of which must be well, and in which enough must have happened. */
export async function runGroupSeeds(from: number, count: number): Promise<void> {
  const groups = new SimulationThread('group');
  const total = { answered: 0, unknown: 0, terms: 0, switchovers: 0, changes: 0, saved: 0 };
  for (let seed = from; seed < from + count; seed += 1) {
    const result = await groups.run(seed);
    assert.deepEqual(result.defects, [], describeGroupFailure(result));
    for (const name of Object.keys(total) as (keyof typeof total)[]) {
      total[name] += result.counts[name];
    }
  }
  assert.ok(total.answered > count * 50, `only ${total.answered} calls were answered`);
  assert.ok(total.unknown > count, `only ${total.unknown} writes were in doubt`);
  assert.ok(total.terms > count * 2, `only in ${total.terms} terms was anything committed`);
  assert.ok(total.switchovers > count / 10, `only ${total.switchovers} switchovers were made`);
  assert.ok(total.changes > count / 10, `only ${total.changes} times a group was changed`);
  assert.ok(total.saved > count / 50, `only ${total.saved} changes were saved before they were taken back`);
}
