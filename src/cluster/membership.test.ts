import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CoordinatorServer } from '../../test/simulation/groups/coordinator-server.ts';
import { SimulatedTime, world } from '../../test/simulation/simulated-time.ts';
import { QuorateError } from '../errors/interface.ts';
import { createSeededRandom, nodeFileSystem, nullLogger, type Runtime } from '../runtime/interface.ts';
import type { Coordinator } from './coordinator.ts';
import { GroupStore } from './group-store.ts';
import { Membership } from './membership.ts';
import type { GroupConfig, GroupMember, GroupPeers, MemberDatabase } from './types.ts';

function member(nodeId: string): GroupMember {
  return {
    ...{ nodeId, name: nodeId, host: nodeId, port: 1, httpUrl: '', zone: '', priority: 0 },
    ...{ nofailover: false, nosync: false, witness: false, learner: false },
  };
}

const config: GroupConfig = {
  ...{ database: 'db', databaseId: '', termBase: 0, members: [member('anna'), member('bert'), member('cleo')] },
  acks: { level: { kind: 'quorum' }, whenShort: 'block', degradeAfterMs: 1_000, timeoutMs: 1_000 },
  failover: { automatic: true, leaseMs: 1_000 },
};

function runtimeOn(time: SimulatedTime): Runtime {
  const clock = { nowMs: () => time.nowMs, monotonicMs: () => time.nowMs };
  const after = (delayMs: number, action: () => void) => time.after(delayMs, world, action);
  const sleep = (delayMs: number) => new Promise<void>((resolve) => void after(delayMs, resolve));
  const random = createSeededRandom(1);
  return { clock, timers: { after, sleep }, random, files: nodeFileSystem, logger: nullLogger };
}

function storeOn(server: CoordinatorServer): GroupStore {
  const coordinator = {
    list: async (prefix: string) => server.list(prefix),
    get: async (key: string) => server.get(key),
    commit: async (...commit: Parameters<Coordinator['commit']>) => server.commit(...commit),
    watch: (prefix: string, { changed }: { changed(): void }) => server.watch(prefix, changed),
  };
  return new GroupStore(coordinator as unknown as Coordinator, 'db');
}

/** A database that notes what is asked of it, and whose disk is full for the first changes of its role. */
class NotingDatabase {
  readonly asked: string[] = [];
  role: 'primary' | 'replica' = 'primary';
  readonly hasDiverged = false;
  #isFullFor: number;

  constructor(isFullFor: number) {
    this.#isFullFor = isFullFor;
  }

  position() {
    return { promisedTerm: 0, durable: { term: 1, txId: 1 }, committedTxId: 1, appliedTxId: 1 };
  }

  heard(): undefined {}

  setLease(): void {}

  endStreams(): void {}

  async stepDown(): Promise<void> {
    this.asked.push('step down');
    this.#isFullFor -= 1;
    if (this.#isFullFor >= 0) {
      throw new QuorateError('DISK_FULL', 'no room');
    }
    this.role = 'replica';
  }

  async promise(): Promise<ReturnType<NotingDatabase['position']>> {
    return this.position();
  }

  async follow({ name }: GroupMember): Promise<void> {
    this.asked.push(`follow ${name} as ${this.role}`);
  }
}

/** Anna, a member of a group whose primary is bert, and the time that both live in. */
async function startAnna(database: NotingDatabase) {
  const time = new SimulatedTime();
  const store = storeOn(new CoordinatorServer(time));
  const takenAt = (await store.create(config, 'bert')) as number;
  const sign = { nodeId: 'bert', term: takenAt, tipTxId: 1, atMs: 0, count: 1, resigned: false };
  await store.sign(takenAt, sign);
  const membership = new Membership({
    ...{ database: 'db', nodeId: 'anna', store, runtime: runtimeOn(time) },
    peers: {} as GroupPeers,
    local: database as unknown as MemberDatabase,
    onDecision: () => {},
    onLeader: () => {},
  });
  return { time, store, takenAt, sign, membership };
}

test('a former primary whose disk is full steps down when it can, and follows only then', async () => {
  const database = new NotingDatabase(3);
  const { time, membership } = await startAnna(database);
  time.after(0, world, () => {});
  await time.run(
    10_000,
    () => {},
    () => database.asked.some((what) => what.startsWith('follow')),
  );
  assert.deepEqual(database.asked, [...Array.from({ length: 4 }, () => 'step down'), 'follow bert as replica']);
  assert.equal(membership.leader?.member.name, 'bert');
});

test('a member stands by a primary that has asked for it only until that one resigns', async () => {
  const database = new NotingDatabase(0);
  database.role = 'replica';
  const { time, store, takenAt, sign, membership } = await startAnna(database);
  const pass = async (durationMs: number) => {
    for (const endMs = time.nowMs + durationMs; time.nowMs < endMs; ) {
      time.after(10, world, () => {});
      await time.run(time.nowMs + 10, () => {});
    }
  };
  await pass(100);
  membership.confirm(takenAt, 60_000);
  await assert.rejects(membership.promise(takenAt + 1, 'cleo'), { code: 'UNAVAILABLE' });
  await store.resign(takenAt, sign, { from: 'bert', to: 'cleo', txId: 1, untilMs: 60_000 });
  await pass(1_000);
  assert.equal((await membership.promise(takenAt + 1, 'cleo')).promisedTerm, 0);
});
