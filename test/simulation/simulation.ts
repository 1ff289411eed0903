import type { DatabaseSettings } from '../../src/database/interface.ts';
import { logicalDigest } from '../../src/sqlite/interface.ts';
import { AckWatch } from './ack-watch.ts';
import { Archive, type ArchivedRecord } from './archive.ts';
import { Chance } from './chance.ts';
import { type ClusterPlan, planCluster, primarySettings, replicaSettings } from './cluster-plan.ts';
import { FaultSchedule } from './fault-schedule.ts';
import { History } from './history.ts';
import { checkHistory, observationDefects } from './history-check.ts';
import { faithful } from './mutation.ts';
import { NodeWatch } from './node-watch.ts';
import type { NodeWorld } from './node-world.ts';
import { Operator } from './operator.ts';
import { namesIn } from './record-names.ts';
import { SimulatedNetwork } from './simulated-network.ts';
import { SimulatedNode } from './simulated-node.ts';
import { world } from './simulated-time.ts';
import { Testbed, type TestbedOptions, type TestbedResult } from './testbed.ts';
import { Workload } from './workload.ts';

export interface SimulationOptions extends TestbedOptions {
  /** Writes of clients. Default: `defaultWrites`. */
  readonly writes?: number | undefined;
}

export interface SimulationResult extends TestbedResult {
  readonly writes: number;
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
    /** Writes that the primary alone had when it was lost. */
    readonly lost: number;
    readonly installs: number;
    readonly failovers: number;
    readonly ackChanges: number;
  };
}

export const defaultWrites = 150;

/** How long the cluster may take to come together after the last fault, in simulated milliseconds. */
const healingMs = 300_000;

/** A run ends at its first defects: what follows from them teaches nothing. */
const maxDefects = 5;

/** One primary and two replicas, one of which may follow the other, from an empty disk to equal content. */
export class Simulation {
  readonly #options: SimulationOptions;
  readonly #testbed: Testbed;
  readonly #history: History;
  readonly #plan: ClusterPlan;
  readonly #network: SimulatedNetwork;
  readonly #nodes: readonly SimulatedNode[];
  readonly #archive: Archive;
  readonly #acks: AckWatch;
  readonly #operator: Operator;

  private constructor(options: SimulationOptions) {
    this.#options = options;
    const { seed } = options;
    this.#testbed = new Testbed('simulation', options, maxDefects);
    this.#history = new History((what) => this.#testbed.defect(what));
    this.#plan = planCluster(new Chance(seed, 'cluster'));
    const shared = { time: this.#testbed.time, trace: this.#testbed.trace };
    const { windowBytes, acks, followed } = this.#plan;
    this.#network = new SimulatedNetwork({ ...shared, chance: new Chance(seed, 'network'), windowBytes });
    const nodeWorld = this.#testbed.nodeWorld({ ...this.#plan, network: this.#network });
    const primary = this.#node('anna', primarySettings(acks), nodeWorld);
    const bert = this.#node('bert', replicaSettings('anna'), nodeWorld);
    const cleo = this.#node('cleo', replicaSettings(followed), nodeWorld);
    this.#nodes = [primary, bert, cleo];
    this.#archive = new Archive(primary);
    const { mayLose } = this.#plan;
    const watched = {
      nodes: this.#nodes,
      archive: this.#archive,
      mayLose,
      onDefect: (what: string) => this.#testbed.defect(what),
    };
    this.#acks = new AckWatch(primary, watched);
    this.#operator = new Operator({
      ...shared,
      plan: this.#plan,
      nodes: this.#nodes,
      chance: new Chance(seed, 'operator'),
      archive: this.#archive,
      acks: this.#acks,
      onLost: (lost, shown) => this.#lose(lost, shown),
      onError: (error) => this.#testbed.defect(String(error)),
    });
  }

  /** Runs one seed from beginning to end. */
  static async run(options: SimulationOptions): Promise<SimulationResult> {
    const simulation = new Simulation(options);
    using _mutated = (options.mutation ?? faithful).install();
    try {
      await simulation.#run();
      return simulation.#result();
    } finally {
      await simulation.#testbed.end(simulation.#nodes);
    }
  }

  #node(name: string, settings: DatabaseSettings, nodeWorld: NodeWorld): SimulatedNode {
    const watch = new NodeWatch((what) => this.#testbed.defect(`${name}: ${what}`));
    const node = new SimulatedNode(name, { directory: this.#testbed.directory, settings, watch }, nodeWorld);
    this.#network.add(node);
    return node;
  }

  async #run(): Promise<void> {
    const { seed, writes = defaultWrites } = this.#options;
    const { databaseLimits: _, replicationLimits: __, ...plan } = this.#plan;
    this.#testbed.trace.add('plan', JSON.stringify(plan));
    const [primary, bert, cleo] = this.#nodes;
    primary?.start();
    bert?.start();
    this.#testbed.time.after(this.#plan.joinsAfterMs, world, () => cleo?.start());
    const shared = { time: this.#testbed.time, trace: this.#testbed.trace };
    const { randomShare, mixesLevels, faultIntervalMs } = this.#plan;
    const workload = new Workload({
      ...shared,
      cluster: this.#operator,
      chance: new Chance(seed, 'workload'),
      history: this.#history,
      acks: this.#acks,
      mixesLevels,
      maxBlobBytes: 20_000,
      randomShare,
      writes,
    });
    const faults = new FaultSchedule({
      ...shared,
      nodes: this.#nodes,
      cluster: this.#operator,
      network: this.#network,
      chance: new Chance(seed, 'faults'),
      meanIntervalMs: faultIntervalMs,
    });
    workload.start();
    faults.start();
    this.#operator.start();
    this.#readNowAndThen(new Chance(seed, 'readers'));
    await this.#advance(600_000, () => workload.isOver);
    faults.stop();
    this.#operator.finish();
    await this.#advance(healingMs, () => this.#isWhole());
    if (this.#testbed.isFlawless) {
      await this.#judge();
    }
  }

  /** Lets time pass until `done`, or until a defect shows. */
  #advance(durationMs: number, done: () => boolean): Promise<void> {
    return this.#testbed.advance(durationMs, () => this.#watch(), done);
  }

  async #watch(): Promise<void> {
    for (const node of this.#nodes) {
      const positions = node.database?.positions();
      if (positions !== undefined && node.isHealthy) {
        node.watch.check(positions);
      }
    }
    await this.#operator.watch();
    if (!this.#operator.isVacant) {
      await this.#archive.update();
      await this.#acks.check();
    }
  }

  /** The new primary does not have what the former one alone had. */
  async #lose(lost: readonly ArchivedRecord[], shown: number): Promise<void> {
    const { tip } = this.#archive;
    if (!this.#plan.mayLose) {
      this.#expect(shown <= tip, `${shown} was shown, but the new primary has ${tip}`);
      return;
    }
    const kept = this.#archive.records.slice(0, (lost[0]?.txId ?? tip + 1) - 1);
    for (const defect of observationDefects(this.#history.observations, [...kept, ...lost], this.#testbed.directory)) {
      this.#testbed.defect(defect);
    }
    this.#history.forgetAfter(kept.length);
    for (const name of lost.flatMap(namesIn)) {
      this.#history.lose(name);
    }
  }

  #expect(holds: boolean, otherwise: string): void {
    if (!holds) {
      this.#testbed.defect(otherwise);
    }
  }

  /** Readers look at the content of some node. */
  #readNowAndThen(chance: Chance): void {
    this.#testbed.time.after(chance.between(1, 1_500), world, () => {
      const node = chance.pick(this.#nodes);
      if (node.database !== undefined && !this.#hasParted(node)) {
        this.#read(node);
      }
      this.#readNowAndThen(chance);
    });
  }

  /** Whether a node may still show what was lost with another primary: it has not met the present one. */
  #hasParted(node: SimulatedNode): boolean {
    const { primary } = this.#operator;
    return this.#plan.mayLose && node !== primary && node.replicator?.status().state !== 'streaming';
  }

  #read(node: SimulatedNode): void {
    const { txId, digest } = logicalDigest(node.database?.filePath ?? '');
    const hex = Buffer.from(digest).toString('hex');
    this.#testbed.trace.add(node.name, `shows ${txId} ${hex.slice(0, 12)}`);
    this.#history.observe({ node: node.name, txId, digest: hex });
  }

  /** Whether every node holds and shows what the primary has, no more and no less, and is acknowledged. */
  #isWhole(): boolean {
    const { primary, isVacant } = this.#operator;
    const tip = primary.database?.positions().tip;
    const isComplete = (node: SimulatedNode) => {
      const positions = node.database?.positions();
      return node.isHealthy && node.isSettled && positions?.tip === tip && positions?.applied === tip;
    };
    const { status } = primary.database?.ackReport() ?? {};
    return !isVacant && this.#nodes.every(isComplete) && status === 'reached';
  }

  async #judge(): Promise<void> {
    if (!this.#isWhole()) {
      for (const node of this.#nodes) {
        const { tip, applied } = node.database?.positions() ?? { tip: -1, applied: -1 };
        const { state = 'no replicator', reason = '' } = node.replicator?.status() ?? {};
        const { status = 'closed' } = node.database?.ackReport() ?? {};
        this.#testbed.defect(
          `${node.name} does not come up: tip ${tip} applied ${applied} acks ${status} ${state} ${reason}`,
        );
      }
      return;
    }
    for (const node of this.#nodes) {
      this.#read(node);
      const failure = node.database?.failure();
      if (failure !== undefined) {
        this.#testbed.defect(`${node.name} ends with ${failure.code}: ${failure.message}`);
      }
    }
    const defects = await checkHistory(this.#history, this.#archive.records, this.#nodes, this.#testbed.directory);
    for (const defect of defects) {
      this.#testbed.defect(defect);
    }
  }

  #result(): SimulationResult {
    return {
      ...this.#testbed.result(),
      writes: this.#options.writes ?? defaultWrites,
      counts: {
        events: this.#testbed.time.events,
        simulatedMs: Math.round(this.#testbed.time.nowMs),
        transactions: this.#archive.tip,
        installs: this.#nodes.reduce((sum, node) => sum + node.watch.installs, 0),
        ...this.#operator.counts,
        cuts: this.#nodes.reduce((sum, node) => sum + node.watch.cuts, 0),
        observations: this.#history.observations.length,
        ...this.#history.counts(),
      },
    };
  }
}
