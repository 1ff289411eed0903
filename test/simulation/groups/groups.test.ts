import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Chance } from '../chance.ts';
import type { Mutation } from '../mutation.ts';
import { SimulationThread } from '../simulation-thread.ts';
import { forgetful, groupMutations, tooFewAnswers } from './group-mutations.ts';
import { planGroup } from './group-plan.ts';

const groups = new SimulationThread('group');

/** Seeds within which a defect put in on purpose must be noticed. */
const seedsPerMutation = 150;

test('the same seed gives the same run of a group, another one another run', async () => {
  const digests: string[] = [];
  for (const seed of [13, 18, 21]) {
    const [first, second] = [await groups.run(seed), await groups.run(seed)];
    assert.equal(first.traceDigest, second.traceDigest);
    digests.push(first.traceDigest);
  }
  assert.equal(new Set(digests).size, digests.length);
});

test('what a member went back to is on its disk before its log is cut', async () => {
  const seed = 2794;
  assert.deepEqual((await groups.run(seed)).defects, []);
  const { defects } = await groups.run(seed, forgetful);
  assert.match(String(defects[0]), /which is not in its log/);
});

suite('the simulation of groups notices', () => {
  for (const mutation of groupMutations) {
    test(mutation.name, async () => {
      for (const seed of seedsFor(mutation)) {
        const { defects } = await groups.run(seed, mutation);
        if (defects.length > 0) {
          return;
        }
      }
      assert.fail(`${seedsPerMutation} seeds did not notice it`);
    });
  }
});

/** One answer too few does harm where two members can be away at once that alone hold something. */
function seedsFor(mutation: Mutation): number[] {
  const seeds = Array.from({ length: 2_000 }, (_, index) => index + 1);
  return seeds.filter((seed) => mutation !== tooFewAnswers || isWide(seed)).slice(0, seedsPerMutation);
}

function isWide(seed: number): boolean {
  const { members, acks } = planGroup(new Chance(seed, 'group')).config;
  return members.length === 5 && acks.level.kind === 'sync' && acks.level.acks === 1;
}
