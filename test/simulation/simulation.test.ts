import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { describeFailure } from './failure-report.ts';
import { mutations } from './mutations.ts';
import { SimulationThread } from './simulation-thread.ts';

const clusters = new SimulationThread('cluster');

/** Seeds that every run of the tests goes through; `npm run simulate` goes on from there. */
const seeds = 80;

/** Seeds within which a defect put in on purpose must be noticed. */
const seedsPerMutation = 40;

test('clusters under many seeds lose nothing, show nothing early, and end equal', async () => {
  const total = { acknowledged: 0, observations: 0, unknown: 0, cuts: 0, installs: 0, failovers: 0, ackChanges: 0 };
  for (let seed = 1; seed <= seeds; seed += 1) {
    const result = await clusters.run(seed);
    assert.deepEqual(result.defects, [], describeFailure(result));
    for (const name of Object.keys(total) as (keyof typeof total)[]) {
      total[name] += result.counts[name];
    }
  }
  assert.ok(total.acknowledged > seeds * 50, `only ${total.acknowledged} writes were acknowledged`);
  assert.ok(total.observations > seeds * 30, `only ${total.observations} reads were made`);
  assert.ok(total.cuts > 5, `only ${total.cuts} times a replica had what its upstream lost`);
  assert.ok(total.installs > 10, `only ${total.installs} snapshots were installed`);
  assert.ok(total.failovers > 10, `only ${total.failovers} replicas were promoted`);
  assert.ok(total.ackChanges > 50, `only ${total.ackChanges} times the ack level was changed`);
  assert.ok(total.unknown > seeds, `only ${total.unknown} writes were in doubt`);
});

test('the same seed gives the same run, another one another run', async () => {
  const digests: string[] = [];
  for (const seed of [7, 7, 8]) {
    digests.push((await clusters.run(seed)).traceDigest);
  }
  assert.equal(digests[0], digests[1]);
  assert.notEqual(digests[0], digests[2]);
});

suite('the simulation notices', () => {
  for (const mutation of mutations) {
    test(mutation.name, async () => {
      for (let seed = 1; seed <= seedsPerMutation; seed += 1) {
        const { defects } = await clusters.run(seed, mutation);
        if (defects.length > 0) {
          return;
        }
      }
      assert.fail(`${seedsPerMutation} seeds did not notice it`);
    });
  }
});
