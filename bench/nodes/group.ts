import { setTimeout as sleep } from 'node:timers/promises';
import { database, GroupFixture, SteadyWriter, untilEqual, untilGroup } from '../../test/failover/group-fixture.ts';
import { startGroupNetwork } from '../../test/failover/group-network.ts';
import type { NetworkNamespaces } from '../../test/faults/namespaces.ts';
import type { ServerProcess } from '../../test/server-process.ts';
import { eventually } from '../../test/until.ts';

const names = ['one', 'two', 'three'] as const;

/** Milliseconds that a group may take to be as it is wanted. */
const patienceMs = 60_000;
const probeIntervalMs = 20;

/** `cut`: nothing goes to or from the primary's node, with the member of etcd there; only in a network of its own. */
export type Fault = 'kill' | 'stop' | 'cut';

interface Member {
  readonly name: string;
  server: ServerProcess;
}

/** What a client at another member notices when the primary goes. */
export interface Failover {
  /** Milliseconds from the fault to the first acknowledgement of a write that was sent after it. */
  readonly firstWriteMs: number;
  /** Milliseconds of the longest time without an acknowledgement, for a client that waits for each answer. */
  readonly pauseMs: number;
  /** Of the election, by step. */
  readonly timings: Readonly<Record<string, number>>;
}

/** What ends with a group, as what ends with a test. */
class Closing {
  readonly #actions: (() => unknown)[] = [];

  after = (action: () => unknown): void => {
    this.#actions.push(action);
  };

  async run(): Promise<void> {
    for (const action of this.#actions) {
      await action();
    }
  }
}

/** Three servers with one group at `quorum` and default settings. */
export class BenchGroup implements AsyncDisposable {
  readonly #fixture: GroupFixture;
  readonly #members: readonly Member[];
  readonly #closing: Closing;
  readonly #network: NetworkNamespaces | undefined;
  #nextId = 0;

  private constructor(
    fixture: GroupFixture,
    members: readonly Member[],
    closing: Closing,
    network?: NetworkNamespaces | undefined,
  ) {
    this.#fixture = fixture;
    this.#members = members;
    this.#closing = closing;
    this.#network = network;
  }

  /** @param coordinator flags that say which one is used; one of this machine when absent */
  static async start(coordinator?: readonly string[]): Promise<BenchGroup> {
    const closing = new Closing();
    return await BenchGroup.#start(new GroupFixture(closing, coordinator), closing);
  }

  /** With etcd, each member in a network of its own, so that one can be cut off. */
  static async startInNetwork(): Promise<BenchGroup> {
    const closing = new Closing();
    const { fixture, network } = await startGroupNetwork(closing, names);
    return await BenchGroup.#start(fixture, closing, network);
  }

  static async #start(fixture: GroupFixture, closing: Closing, network?: NetworkNamespaces): Promise<BenchGroup> {
    const servers = await fixture.group(names);
    await servers[0]?.execute(database, 'CREATE TABLE probes (id INTEGER PRIMARY KEY)');
    const members = servers.map((server, index) => ({ name: names[index] as string, server }));
    return new BenchGroup(fixture, members, closing, network);
  }

  /** Takes the primary away, measures until another takes writes, brings it back, and checks that nothing is lost. */
  async failover(fault: Fault): Promise<Failover> {
    const { primary, others } = await this.#whole();
    const [other] = others as [Member];
    const writer = this.#writer(other.server);
    await writer.more(20);
    const startMs = performance.now();
    this.#strike(primary, fault);
    const firstWriteMs = (await this.#firstWrite(other.server)) - startMs;
    await writer.more(5);
    await this.#bringBack(primary, fault);
    await this.#whole();
    await writer.stop();
    await untilEqual(this.#members.map(({ server }) => server));
    await this.#assertKept(writer);
    const { groups } = await other.server.client();
    // A network that has just healed may cost etcd another election.
    const explain = () => groups.explain(database).catch(() => []);
    const [decision = '{}'] = await eventually(explain, ({ length }) => length > 0);
    const { timings } = JSON.parse(decision) as Failover;
    return { firstWriteMs, pauseMs: writer.longestPauseMs, timings };
  }

  /** Hands the primary's place over under load. Returns milliseconds of the longest time without an acknowledgement. */
  async switchover(): Promise<number> {
    const { others } = await this.#whole();
    const [target, other] = others as [Member, Member];
    const writer = this.#writer(other.server);
    await writer.more(20);
    await (await other.server.client()).groups.switchover({ database, to: target.name, dryRun: false });
    await writer.more(20);
    await writer.stop();
    await this.#assertKept(writer);
    if (writer.failures.size > 0) {
      throw new Error(`writes failed during a switchover: ${[...writer.failures]}`);
    }
    return writer.longestPauseMs;
  }

  #writer(server: ServerProcess): SteadyWriter {
    this.#nextId += 1_000_000;
    return new SteadyWriter(this.#closing, server, this.#nextId);
  }

  /** Clients that come one after the other, none of which waits for those before: when the first of them was answered. */
  async #firstWrite(server: ServerProcess): Promise<number> {
    const client = await server.client();
    const controller = new AbortController();
    const { promise, resolve } = Promise.withResolvers<number>();
    for (const end = performance.now() + patienceMs; !controller.signal.aborted; await sleep(probeIntervalMs)) {
      if (performance.now() > end) {
        throw new Error('no write is accepted after the loss of the primary');
      }
      const { signal } = controller;
      const write = client.execute(database, [{ sql: 'INSERT INTO probes DEFAULT VALUES' }], { signal });
      void write.then(
        () => {
          resolve(performance.now());
          controller.abort();
        },
        () => {},
      );
    }
    return await promise;
  }

  /** Checks what one writer wrote, at a member that was not asked before. */
  async #assertKept(writer: SteadyWriter): Promise<void> {
    const [first] = this.#members as [Member];
    const last = this.#nextId + 1_000_000;
    const rows = await first.server.query(
      database,
      `SELECT id FROM items WHERE id BETWEEN ${this.#nextId} AND ${last}`,
    );
    const present = new Set(rows.map(([id]) => Number(id)));
    const lost = writer.acknowledged.filter((id) => !present.has(id));
    if (lost.length > 0) {
      throw new Error(`${lost.length} of ${writer.acknowledged.length} acknowledged writes are lost`);
    }
  }

  #strike({ name, server }: Member, fault: Fault): void {
    if (fault === 'cut') {
      this.#network?.isolate(name);
    } else {
      process.kill(server.processId, fault === 'kill' ? 'SIGKILL' : 'SIGSTOP');
    }
  }

  async #bringBack(member: Member, fault: Fault): Promise<void> {
    if (fault === 'cut') {
      this.#network?.heal();
    } else if (fault === 'kill') {
      await member.server.stop('SIGKILL');
      const { grpc, http } = member.server.ready;
      member.server = await this.#fixture.start(member.name, `--port=${grpc.port}`, `--http-port=${http.port}`);
    } else {
      process.kill(member.server.processId, 'SIGCONT');
    }
  }

  /** Resolves when there is a primary and all others follow it. */
  async #whole(): Promise<{ primary: Member; others: Member[] }> {
    for (const end = performance.now() + patienceMs; performance.now() < end; await sleep(20)) {
      const groups = await Promise.all(this.#members.map(({ server }) => untilGroup(server, () => true)));
      const [{ leader }] = groups as [(typeof groups)[number]];
      const primary = this.#members.find(({ server }) => server.ready.nodeId === leader);
      if (primary === undefined || groups.some((group) => group.leader !== leader)) {
        continue;
      }
      const others = this.#members.filter((member) => member !== primary);
      const { replicas } = await primary.server.database(database);
      if (replicas.length === others.length && replicas.every(({ durableTxId }) => durableTxId > 0)) {
        return { primary, others };
      }
    }
    throw new Error('the group did not become whole in time');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closing.run();
  }
}
