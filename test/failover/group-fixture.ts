/** Servers that share a coordinator of their machine, and a group of them. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorCode, isQuorateError } from '../../src/errors/interface.ts';
import type { Group, GroupMember } from '../../src/proto/interface.ts';
import { ServerFixture, type ServerProcess, type StartOptions, type TestScope } from '../server-process.ts';
import { eventually, until } from '../until.ts';

export const database = 'shop';

/** What a server needs to run somewhere else. */
export type Place = Pick<StartOptions, 'args' | 'command' | 'reach'>;

export class GroupFixture {
  readonly #servers: ServerFixture;
  readonly #secret = randomBytes(32).toString('hex');
  readonly #coordinator: readonly string[];
  readonly #place: (name: string) => Place;

  /**
   * @param coordinator flags that say which one is used; one of this machine when absent
   * @param place where the server of a name runs; beside this process when absent
   */
  constructor(t: TestScope, coordinator?: readonly string[], place: (name: string) => Place = () => ({})) {
    this.#place = place;
    this.#servers = new ServerFixture(t);
    const directory = path.join(this.#servers.root, 'coordinator');
    this.#coordinator = coordinator ?? ['--coordinator=local', `--coordinator-dir=${directory}`];
  }

  /** Folder of the folders of all servers. */
  get root(): string {
    return this.#servers.root;
  }

  start(name: string, ...more: string[]): Promise<ServerProcess> {
    const { args = [], ...place } = this.#place(name);
    const own = [`--cluster-secret=${this.#secret}`, `--node-name=${name}`];
    return this.#servers.startWith(name, { ...place, args: [...this.#coordinator, ...own, ...args, ...more] });
  }

  /** Servers of the given names with a group of which the first is primary; resolves when all of them count. */
  async group<const Names extends readonly [string, ...string[]]>(
    names: Names,
    create: { level?: string; acks?: number; maxLag?: number } = {},
  ): Promise<{ [Name in keyof Names]: ServerProcess }> {
    const servers = await Promise.all(names.map((name) => this.start(name)));
    const [first] = servers as [ServerProcess];
    const client = await first.client();
    await createItems(first);
    await formGroup(servers);
    if (create.level !== undefined || create.maxLag !== undefined) {
      const { level = 'quorum', acks = 0, maxLag } = create;
      const wanted = { level, acks, whenShort: '', degradeAfterMs: 0, timeoutMs: 0 };
      await client.groups.update({ database, remove: '', clearMaxLag: false, leaseMs: 0, acks: wanted, maxLag });
    }
    return servers as { [Name in keyof Names]: ServerProcess };
  }
}

/** Makes the database that groups are about. */
export async function createItems(server: ServerProcess, name = database): Promise<void> {
  const client = await server.client();
  await client.createDatabase({ database: name, role: 'primary', replication: undefined, acks: undefined });
  await server.execute(name, 'CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL)');
}

/** What members of a group differ in. */
export type Marks = Partial<Pick<GroupMember, 'nofailover' | 'priority' | 'witness'>>;

/**
 * Makes a group of a database of the first server, which the others join; resolves when all of them count.
 * @param marks of those who join, in their order
 */
export async function formGroup(
  servers: readonly ServerProcess[],
  name = database,
  marks: readonly Marks[] = [],
): Promise<void> {
  const [first, ...others] = servers as [ServerProcess, ...ServerProcess[]];
  await (await first.client()).groups.create({ database: name, leaseMs: 0 });
  for (const [index, server] of others.entries()) {
    await (await server.client()).groups.join({ database: name, self: { ...unmarked, ...marks[index] } });
  }
  const isWhole = ({ members }: Group) => members.length === servers.length && members.every(({ learner }) => !learner);
  await untilGroup(first, isWhole, name);
}

const unmarked: GroupMember = {
  ...{ nodeId: '', name: '', host: '', port: 0, httpUrl: '', zone: '' },
  ...{ priority: 0, nofailover: false, nosync: false, witness: false, learner: false },
};

/** Waits until a group is as the condition wants it, as one member sees it. */
export async function untilGroup(
  server: ServerProcess,
  condition: (group: Group) => boolean,
  name = database,
): Promise<Group> {
  const client = await server.client();
  const [group] = await eventually(
    () => client.groups.list(name).catch(unknownYet),
    ([one]) => one !== undefined && condition(one),
  );
  return group as Group;
}

function unknownYet(error: unknown): Group[] {
  if (isQuorateError(error) && (error.code === 'UNAVAILABLE' || error.code === 'NOT_IN_GROUP')) {
    return [];
  }
  throw error;
}

/** The server that leads, as the others see it. */
export async function untilLeader(
  servers: readonly ServerProcess[],
  isWanted: (server: ServerProcess) => boolean = () => true,
): Promise<ServerProcess> {
  const [first] = servers as [ServerProcess];
  const known = (group: Group) => servers.find(({ ready }) => ready.nodeId === group.leader);
  const group = await untilGroup(first, (one) => {
    const leader = known(one);
    return leader !== undefined && isWanted(leader);
  });
  return known(group) as ServerProcess;
}

/** A client that writes one row after the other at one server, from a number on, and knows which were acknowledged. */
export class SteadyWriter {
  readonly acknowledged: number[] = [];
  readonly doubtful: number[] = [];
  readonly failures = new Map<ErrorCode, number>();
  /** Milliseconds of the longest time between two acknowledgements. */
  longestPauseMs = 0;
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(t: TestScope, server: ServerProcess, first: number) {
    this.#running = this.#run(server, first);
    t.after(() => {
      this.#stopped = true;
    });
  }

  async #run(server: ServerProcess, first: number): Promise<void> {
    let lastMs = performance.now();
    for (let id = first; !this.#stopped; id += 1) {
      try {
        await server.execute(database, `INSERT INTO items VALUES (${id}, 'item ${id}')`);
        this.acknowledged.push(id);
        this.longestPauseMs = Math.max(this.longestPauseMs, performance.now() - lastMs);
        lastMs = performance.now();
      } catch (error) {
        const code = isQuorateError(error) ? error.code : 'INTERNAL';
        this.failures.set(code, (this.failures.get(code) ?? 0) + 1);
        this.doubtful.push(id);
        await sleep(5);
      }
    }
  }

  /** Waits until so many more writes were acknowledged. */
  async more(count: number): Promise<void> {
    const wanted = this.acknowledged.length + count;
    await until(
      () => `writes are acknowledged: ${JSON.stringify([...this.failures])}`,
      () => this.acknowledged.length >= wanted,
    );
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }
}

/** Checks that nothing that was acknowledged is missing at a server, and nothing is there that nobody wrote. */
export async function assertKept(server: ServerProcess, ...writers: readonly SteadyWriter[]): Promise<void> {
  const present = new Set((await server.query(database, 'SELECT id FROM items')).map(([id]) => Number(id)));
  const acknowledged = writers.flatMap((writer) => writer.acknowledged);
  const lost = acknowledged.filter((id) => !present.has(id));
  assert.deepEqual(lost.slice(0, 10), [], `${lost.length} of ${acknowledged.length} acknowledged writes are lost`);
  const known = new Set([...acknowledged, ...writers.flatMap((writer) => writer.doubtful)]);
  assert.deepEqual(
    [...present].filter((id) => !known.has(id)),
    [],
    'nobody wrote these',
  );
}

/** Waits until all servers have the same content at the same transaction. */
export async function untilEqual(servers: readonly ServerProcess[], name = database): Promise<void> {
  await eventually(
    () => Promise.all(servers.map((server) => server.digest(name))),
    (digests) => new Set(digests).size === 1,
  );
}
