import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type DatabaseLimits, type DatabaseSettings, defaultDatabaseLimits } from '../../src/database/interface.ts';
import { defaultReplicationLimits, type ReplicationLimits } from '../../src/replication/interface.ts';
import { logicalDigest } from '../../src/sqlite/interface.ts';
import { Chance } from './chance.ts';
import { FaultSchedule } from './fault-schedule.ts';
import { History } from './history.ts';
import { checkHistory } from './history-check.ts';
import { faithful, type Mutation } from './mutation.ts';
import { NodeWatch } from './node-watch.ts';
import { SimulatedNetwork } from './simulated-network.ts';
import { type NodeWorld, SimulatedNode } from './simulated-node.ts';
import { SimulatedTime, world } from './simulated-time.ts';
import { Trace } from './trace.ts';
import { Workload } from './workload.ts';

export interface SimulationOptions {
  readonly seed: number;
  /** Writes of clients. Default: `defaultWrites`. */
  readonly writes?: number | undefined;
  /** A defect put in on purpose. */
  readonly mutation?: Mutation | undefined;
  /** Called with every line of the trace. */
  readonly onTraceLine?: ((line: string) => void) | undefined;
}

export interface SimulationResult {
  readonly seed: number;
  readonly writes: number;
  /** Everything that must not be; empty when all is well. */
  readonly defects: readonly string[];
  readonly traceDigest: string;
  /** The end of what happened. */
  readonly traceTail: readonly string[];
  readonly counts: {
    readonly events: number;
    readonly simulatedMs: number;
    readonly transactions: number;
    readonly acknowledged: number;
    readonly refused: number;
    readonly unknown: number;
    readonly observations: number;
    /** How often a replica dropped records that its upstream had lost. */
    readonly cuts: number;
  };
}

export const defaultWrites = 150;

/** How long the cluster may take to come together after the last fault, in simulated milliseconds. */
const healingMs = 300_000;

/** A run ends at its first defects: what follows from them teaches nothing. */
const maxDefects = 5;

/** SQLite's files; the loss of power is simulated, so that memory will do, and does not wait for a disk. */
const folder = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** One primary and two replicas, one of which may follow the other, from an empty disk to equal content. */
export class Simulation {
  readonly #options: SimulationOptions;
  readonly #directory = mkdtempSync(path.join(folder, 'quorate-simulation-'));
  readonly #time = new SimulatedTime();
  readonly #trace: Trace;
  readonly #defects: string[] = [];
  readonly #history: History;
  readonly #chance: Chance;
  readonly #network: SimulatedNetwork;
  readonly #nodes: readonly SimulatedNode[];
  readonly #primary: SimulatedNode;
  readonly #replicas: readonly SimulatedNode[];
  #transactions = 0;

  private constructor(options: SimulationOptions) {
    this.#options = options;
    const { seed } = options;
    this.#trace = new Trace(() => this.#time.nowMs, options.onTraceLine);
    this.#history = new History((what) => this.#defect(what));
    this.#chance = new Chance(seed, 'cluster');
    const windowBytes = this.#chance.pick([4_096, 65_536]);
    this.#network = new SimulatedNetwork({
      time: this.#time,
      chance: new Chance(seed, 'network'),
      trace: this.#trace,
      windowBytes,
    });
    const followed = this.#chance.pick(['anna', 'bert']);
    const nodeWorld = this.#world();
    this.#primary = this.#node('anna', primarySettings, nodeWorld);
    this.#replicas = [
      this.#node('bert', replicaSettings('anna'), nodeWorld),
      this.#node('cleo', replicaSettings(followed), nodeWorld),
    ];
    this.#nodes = [this.#primary, ...this.#replicas];
  }

  /** Runs one seed from beginning to end. */
  static async run(options: SimulationOptions): Promise<SimulationResult> {
    const simulation = new Simulation(options);
    using _mutated = (options.mutation ?? faithful).install();
    try {
      await simulation.#run();
      return simulation.#result();
    } finally {
      await simulation.#end();
    }
  }

  #world(): NodeWorld {
    const { seed, mutation = faithful } = this.#options;
    return {
      seed,
      time: this.#time,
      network: this.#network,
      trace: this.#trace,
      mutation,
      databaseLimits: databaseLimits(this.#chance),
      replicationLimits: replicationLimits(this.#chance),
      onDefect: (what) => this.#defect(what),
    };
  }

  #node(name: string, settings: DatabaseSettings, nodeWorld: NodeWorld): SimulatedNode {
    const watch = new NodeWatch((what) => this.#defect(`${name}: ${what}`));
    const node = new SimulatedNode(name, { directory: this.#directory, settings, watch }, nodeWorld);
    this.#network.add(node);
    return node;
  }

  async #run(): Promise<void> {
    const { seed, writes = defaultWrites } = this.#options;
    for (const node of this.#nodes) {
      node.start();
    }
    const shared = { time: this.#time, trace: this.#trace };
    const workload = new Workload({
      ...shared,
      primary: this.#primary,
      replicas: this.#replicas,
      chance: new Chance(seed, 'workload'),
      history: this.#history,
      maxBlobBytes: 20_000,
      randomShare: this.#chance.pick([0, 0.5]),
      writes,
    });
    const faults = new FaultSchedule({
      ...shared,
      nodes: this.#nodes,
      network: this.#network,
      chance: new Chance(seed, 'faults'),
      meanIntervalMs: this.#chance.pick([300, 1_500, 5_000]),
    });
    workload.start();
    faults.start();
    this.#readNowAndThen(new Chance(seed, 'readers'));
    await this.#advance(600_000, () => workload.isOver);
    faults.stop();
    await this.#advance(healingMs, () => this.#isWhole());
    if (this.#defects.length === 0) {
      await this.#judge();
    }
  }

  /** Lets time pass until `done`, or until a defect shows. */
  #advance(durationMs: number, done: () => boolean): Promise<void> {
    const isEnough = () => this.#defects.length >= maxDefects || done();
    return this.#time.run(this.#time.nowMs + durationMs, () => this.#watch(), isEnough);
  }

  #watch(): void {
    for (const node of this.#nodes) {
      const positions = node.database?.positions();
      if (positions !== undefined && node.isHealthy) {
        node.watch.check(positions);
      }
    }
  }

  /** Readers look at the content of some node. */
  #readNowAndThen(chance: Chance): void {
    this.#time.after(chance.between(1, 1_500), world, () => {
      const node = chance.pick(this.#nodes);
      if (node.database !== undefined) {
        this.#read(node);
      }
      this.#readNowAndThen(chance);
    });
  }

  #read(node: SimulatedNode): void {
    const { txId, digest } = logicalDigest(node.machine.sqlitePath);
    const hex = Buffer.from(digest).toString('hex');
    this.#trace.add(node.name, `shows ${txId} ${hex.slice(0, 12)}`);
    this.#history.observe({ node: node.name, txId, digest: hex });
  }

  /** Whether every node holds and shows what the primary has, no more and no less. */
  #isWhole(): boolean {
    const tip = this.#primary.database?.positions().tip;
    return this.#nodes.every((node) => {
      const positions = node.database?.positions();
      return node.isHealthy && positions !== undefined && positions.tip === tip && positions.applied === tip;
    });
  }

  async #judge(): Promise<void> {
    if (!this.#isWhole()) {
      for (const node of this.#nodes) {
        const { tip, applied } = node.database?.positions() ?? { tip: -1, applied: -1 };
        const { state = 'no replicator', reason = '' } = node.replicator?.status() ?? {};
        this.#defect(`${node.name} does not come up: tip ${tip} applied ${applied} ${state} ${reason}`);
      }
      return;
    }
    this.#transactions = this.#primary.database?.positions().tip ?? 0;
    for (const node of this.#nodes) {
      this.#read(node);
      const failure = node.database?.failure();
      if (failure !== undefined) {
        this.#defect(`${node.name} ends with ${failure.code}: ${failure.message}`);
      }
    }
    const defects = await checkHistory(this.#history, this.#nodes, this.#directory);
    for (const defect of defects) {
      this.#defect(defect);
    }
  }

  #defect(what: string): void {
    this.#trace.add('DEFECT', what.replaceAll(this.#directory, ''));
    this.#defects.push(`at ${this.#time.nowMs.toFixed(3)} ms: ${what}`);
  }

  #result(): SimulationResult {
    return {
      seed: this.#options.seed,
      writes: this.#options.writes ?? defaultWrites,
      defects: this.#defects,
      traceDigest: this.#trace.digest(),
      traceTail: this.#trace.tail(60),
      counts: {
        events: this.#time.events,
        simulatedMs: Math.round(this.#time.nowMs),
        transactions: this.#transactions,
        cuts: this.#nodes.reduce((sum, node) => sum + node.watch.cuts, 0),
        observations: this.#history.observations.length,
        ...this.#history.counts(),
      },
    };
  }

  async #end(): Promise<void> {
    for (const node of this.#nodes) {
      node.end();
    }
    await new Promise((resolve) => setImmediate(resolve));
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

const primarySettings: DatabaseSettings = { role: 'primary', term: 1, replication: { enabled: false } };

function replicaSettings(host: string): DatabaseSettings {
  const upstream = { host, port: 3322, database: 'db', username: 'admin', password: 'secret' };
  return { role: 'replica', term: 0, replication: { enabled: true, upstream } };
}

/** Limits so small that a short run meets them all. */
function databaseLimits(chance: Chance): DatabaseLimits {
  return {
    ...defaultDatabaseLimits,
    maxGroupTransactions: chance.pick([1, 4, 64]),
    maxGroupBytes: chance.pick([1_000, 100_000]),
    transactionIdleTimeoutMs: 500,
    transactionTotalTimeoutMs: 2_000,
    logSegmentBytes: chance.pick([8_192, 65_536, 1_048_576]),
    tailCacheBytes: chance.pick([1, 10_000, 1_000_000]),
    maxUnappliedBytes: chance.pick([1, 10_000, 1_000_000]),
    maxApplyRecords: chance.pick([1, 5, 100]),
    maxApplyBytes: chance.pick([1_000, 100_000]),
  };
}

function replicationLimits(chance: Chance): ReplicationLimits {
  return {
    ...defaultReplicationLimits,
    exportBatchBytes: chance.pick([1, 4_000, 100_000]),
    exportMessageBytes: chance.pick([300, 4_000, 100_000]),
    receiveWindowBytes: chance.pick([1, 10_000, 1_000_000]),
  };
}
