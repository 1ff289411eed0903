/** The coordinator of simulations keeps the contract of the real ones, and loses what its seed wants. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Chance } from '../simulation/chance.ts';
import { Calls } from '../simulation/groups/calls.ts';
import { CoordinatorServer } from '../simulation/groups/coordinator-server.ts';
import { SimulatedCoordinator } from '../simulation/groups/simulated-coordinator.ts';
import { SimulatedTime, world } from '../simulation/simulated-time.ts';
import { testSemantics } from './contract.ts';

const node = { name: 'anna', process: world };

class Setting {
  readonly time = new SimulatedTime();
  readonly calls = new Calls(this.time, new Chance(1, 'calls'));
  readonly server = new CoordinatorServer(this.time);
  readonly errors: unknown[] = [];

  open(): SimulatedCoordinator {
    const { time, calls, server } = this;
    return new SimulatedCoordinator({ time, calls, server, node, onError: (error) => this.errors.push(error) });
  }

  async pass(durationMs: number): Promise<void> {
    await this.time.run(this.time.nowMs + durationMs, () => {});
  }

  /** Nothing gets from one to the other any more. */
  cut(from: string, to: string): void {
    this.calls.cut(from, to, Number.POSITIVE_INFINITY);
  }
}

const shared = new Setting();
let isOver = false;
let passing: Promise<void>;

/** The contract looks at the clock: simulated time passes as that does. */
async function keepPace(): Promise<void> {
  for (const startMs = performance.now(); !isOver; await sleep(1)) {
    await shared.time.run(performance.now() - startMs, () => {});
  }
}

before(() => {
  passing = keepPace();
});
after(async () => {
  isOver = true;
  await passing;
});

testSemantics({
  name: 'simulated',
  open: async () => shared.open(),
  ttlMs: 300,
  removalMs: 500,
});

test('what a listener throws is told', () => {
  assert.deepEqual(new Set(shared.errors.map(String)), new Set(['Error: the listener of a test']));
});

for (const [what, from, to, value] of [
  ['a lost request changes nothing', 'anna', 'coordinator', undefined],
  ['a lost answer leaves the change', 'coordinator', 'anna', ''],
] as const) {
  test(`${what}, and it is told as unavailable`, async () => {
    const setting = new Setting();
    setting.cut(from, to);
    const refused = assert.rejects(setting.open().commit([], [{ key: 'key', value: '' }]), {
      code: 'COORDINATOR_UNAVAILABLE',
    });
    await setting.pass(10_000);
    await refused;
    assert.equal(setting.server.get('key')?.value, value);
  });
}

test('an outage loses requests, and watches go on after it', async () => {
  const setting = new Setting();
  const client = setting.open();
  let calls = 0;
  client.watch('', {
    changed: () => {
      calls += 1;
    },
  });
  await setting.pass(10);
  assert.equal(calls, 1);
  setting.server.fail(5_000);
  const lost = assert.rejects(client.commit([], [{ key: 'key', value: 'lost' }]), { code: 'COORDINATOR_UNAVAILABLE' });
  await setting.pass(5_000);
  await lost;
  assert.equal(setting.server.get('key'), undefined);
  const done = client.commit([], [{ key: 'key', value: 'done' }]);
  await setting.pass(10);
  assert.deepEqual([(await done).done, setting.server.get('key')?.value, calls], [true, 'done', 2]);
});
