/** A primary and two replicas that are killed, and what must be true of them at any time. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type {
  AckSettings,
  DatabaseStatus,
  ReplicationSettings,
  UpdateDatabaseRequest,
} from '../../src/proto/interface.ts';
import { adminPassword, ServerFixture, streams } from '../server-process.ts';
import { MatrixNode, matrixDatabase } from './matrix-node.ts';
import { ledgerSchema, WriteLedger, WriteLoad } from './write-ledger.ts';

/** Clients that write while faults happen. */
const clients = 6;

/** For all servers: what makes the rounds short. */
const hastyLimits = [
  ...['--heartbeat-interval', '100ms', '--upstream-timeout', '1s', '--replication-backoff-max', '300ms'],
  ...['--min-free-bytes', '0'],
];

/** `sync 1`, and clients that are told soon that too few replicas answer. */
const syncAcks: AckSettings = {
  level: 'sync',
  acks: 1,
  members: [],
  whenShort: '',
  degradeAfterMs: 0,
  timeoutMs: 300,
};

export class MatrixCluster {
  readonly nodes: readonly MatrixNode[];
  readonly ledger = new WriteLedger();
  #primary: MatrixNode;
  #load: WriteLoad | undefined;
  /** Number of the first row that was not looked at yet. */
  #unchecked = 1;

  private constructor(nodes: readonly MatrixNode[]) {
    this.nodes = nodes;
    this.#primary = nodes[0] as MatrixNode;
  }

  /** Starts three servers; the first is the primary of a database that has these tables, the others follow it. */
  static async start(
    t: TestContext,
    limits: readonly string[],
    schema: readonly string[] = [],
  ): Promise<MatrixCluster> {
    const fixture = new ServerFixture(t);
    const nodes = await Promise.all(
      ['a', 'b', 'c'].map((name) => MatrixNode.start(fixture, name, [...hastyLimits, ...limits])),
    );
    const cluster = new MatrixCluster(nodes);
    t.after(() => cluster.#load?.abandon());
    const client = await cluster.primary.client();
    await client.createDatabase({ database: matrixDatabase, role: 'primary' });
    for (const sql of [...ledgerSchema, ...schema]) {
      await client.execute(matrixDatabase, [{ sql }]);
    }
    return cluster;
  }

  get primary(): MatrixNode {
    return this.#primary;
  }

  get replicas(): MatrixNode[] {
    return this.nodes.filter((node) => node !== this.#primary);
  }

  /** Lets both other nodes follow the primary, and asks for one of them to hold each write. */
  async attachReplicas(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => this.attach(replica)));
    await this.update(this.#primary, { acks: syncAcks });
  }

  /** Makes a replica that has nothing yet. */
  async attach(replica: MatrixNode): Promise<void> {
    const replication: ReplicationSettings = { enabled: true, ...upstreamOf(this.#primary) };
    await (await replica.client()).createDatabase({ database: matrixDatabase, role: 'replica', replication });
  }

  update(node: MatrixNode, changes: Omit<UpdateDatabaseRequest, 'database'>): Promise<DatabaseStatus> {
    return node.insist((client) => client.updateDatabase({ database: matrixDatabase, ...changes }));
  }

  follow(node: MatrixNode, upstream: MatrixNode): Promise<DatabaseStatus> {
    const { primaryHost, primaryPort, primaryDatabase, primaryUsername, primaryPassword } = upstreamOf(upstream);
    const settings = { primaryHost, primaryPort, primaryDatabase, primaryUsername, primaryPassword };
    return this.update(node, { role: 'replica', replicationEnabled: true, ...settings });
  }

  /** Makes a replica the primary; writes go to it from now on. The old one is not told. */
  async promote(replica: MatrixNode): Promise<void> {
    await this.update(replica, { role: 'primary', acks: syncAcks });
    this.#primary = replica;
  }

  /** Clients begin to write, to whoever is the primary. */
  startLoad(): void {
    this.#load = new WriteLoad(this.ledger, () => this.#primary.client(), clients);
  }

  /**
   * While some nodes are halted: as many replicas hold each write as its answer has said. What the halted ones hold is
   * looked up in their files.
   */
  async assertHeld(): Promise<void> {
    const promised = [1, 2].map((acks) => ({ acks, newest: this.ledger.newestHeldBy(acks, this.#unchecked) }));
    for (const { acks, newest } of promised) {
      if (newest !== undefined) {
        const holders = await Promise.all(this.replicas.map((replica) => holds(replica, newest)));
        const count = holders.filter(Boolean).length;
        assert.ok(count >= acks, `${acks} replicas were said to hold transaction ${newest.txId}, ${count} do`);
      }
    }
  }

  /** Ends the load and waits until all nodes show the same; then no promise may be broken. */
  async settle(): Promise<void> {
    await this.#load?.stop();
    this.#load = undefined;
    const { tipTxId } = await this.#primary.server.until(
      matrixDatabase,
      ({ commitTxId, tipTxId: tip, ackStatus }) => commitTxId === tip && ackStatus === 'reached',
    );
    for (const { server } of this.replicas) {
      await server.until(matrixDatabase, (status) => streams(status) && status.appliedTxId >= tipTxId);
    }
    const digests = await Promise.all(this.nodes.map(({ server }) => server.digest(matrixDatabase)));
    assert.deepEqual(new Set(digests).size, 1, `the nodes differ: ${digests}`);
    await this.#assertKept(this.#unchecked);
    this.#unchecked = this.ledger.next;
  }

  /** Looks at the rows of all rounds once more. */
  async assertAllKept(): Promise<void> {
    await this.#assertKept(1);
  }

  /** Of one node: all have the same. */
  async #assertKept(since: number): Promise<void> {
    const { server } = this.#primary;
    const rows = await server.query(matrixDatabase, `SELECT number FROM written WHERE number >= ${since}`);
    const numbers = new Set(rows.map(([number]) => Number(number)));
    assert.deepEqual(this.ledger.defects(numbers, since), []);
    const [[written, counted] = []] = await server.query(
      matrixDatabase,
      'SELECT count(*), (SELECT count FROM counter) FROM written',
    );
    assert.equal(counted, written, 'a transaction took effect in part, or twice');
  }
}

async function holds(replica: MatrixNode, held: { readonly txId: number; readonly term: number }): Promise<boolean> {
  if (replica.isHalted) {
    return replica.hasLogged(held);
  }
  return (await replica.server.database(matrixDatabase)).durableTxId >= held.txId;
}

function upstreamOf({ server }: MatrixNode) {
  return {
    primaryHost: server.ready.grpc.host,
    primaryPort: server.port,
    primaryDatabase: matrixDatabase,
    primaryUsername: 'admin',
    primaryPassword: adminPassword,
  };
}
