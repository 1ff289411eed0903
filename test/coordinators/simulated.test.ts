/** The coordinator of simulations keeps the contract of the real ones, and does what a seed wants. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createNodeRuntime } from '../../src/runtime/interface.ts';
import { type CoordinatorPath, SimulatedCoordinator } from '../simulation/simulated-coordinator.ts';
import { until } from '../until.ts';
import { testSemantics } from './contract.ts';

const runtime = createNodeRuntime();
const goodPath: CoordinatorPath = { toCoordinator: () => 1, fromCoordinator: () => 1 };

const coordinator = new SimulatedCoordinator(runtime);

testSemantics({
  name: 'simulated',
  open: async () => coordinator.client(runtime, goodPath, 2_000),
  ttlMs: 300,
  removalMs: 500,
});

test('a lost request changes nothing, a lost answer leaves the change, and both are told as unavailable', async () => {
  const world = new SimulatedCoordinator(runtime);
  const deaf = world.client(runtime, { ...goodPath, toCoordinator: () => undefined }, 50);
  const mute = world.client(runtime, { ...goodPath, fromCoordinator: () => undefined }, 50);
  const change = [{ key: 'key', value: '' }];
  await assert.rejects(deaf.commit([], change), { code: 'COORDINATOR_UNAVAILABLE' });
  assert.equal(world.get('key'), undefined);
  await assert.rejects(mute.commit([], change), { code: 'COORDINATOR_UNAVAILABLE' });
  assert.equal(world.get('key')?.value, '');
});

test('an outage loses requests, and watches go on after it', async () => {
  const world = new SimulatedCoordinator(runtime);
  const client = world.client(runtime, goodPath, 50);
  let calls = 0;
  client.watch('', {
    changed: () => {
      calls += 1;
    },
  });
  await until('the first call', () => calls === 1);
  world.available = false;
  await assert.rejects(client.commit([], [{ key: 'key', value: '' }]), { code: 'COORDINATOR_UNAVAILABLE' });
  world.available = true;
  await client.commit([], [{ key: 'key', value: '' }]);
  await until('the second call', () => calls === 2);
});
