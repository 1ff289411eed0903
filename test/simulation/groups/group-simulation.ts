import { logicalDigest } from '../../../src/sqlite/interface.ts';
import { checkEqualContent } from '../../histories/commits.ts';
import { operationsOf } from '../../histories/operation.ts';
import { recordsOf } from '../archive.ts';
import { Chance } from '../chance.ts';
import { faithful } from '../mutation.ts';
import { SimulatedNetwork } from '../simulated-network.ts';
import { world } from '../simulated-time.ts';
import { Testbed, type TestbedOptions, type TestbedResult } from '../testbed.ts';
import { Calls } from './calls.ts';
import { CommitWatch } from './commit-watch.ts';
import { CoordinatorServer } from './coordinator-server.ts';
import { DataNode } from './data-node.ts';
import { GroupClients, groupSchema } from './group-clients.ts';
import { GroupFaults } from './group-faults.ts';
import { finalLists, judge } from './group-judgement.ts';
import { GroupOperator } from './group-operator.ts';
import { type GroupPlan, planGroup } from './group-plan.ts';
import type { GroupWorld } from './group-world.ts';
import type { Member } from './simulated-peers.ts';
import { WitnessNode } from './witness-node.ts';

export interface GroupResult extends TestbedResult {
  readonly counts: {
    readonly events: number;
    readonly simulatedMs: number;
    readonly transactions: number;
    readonly calls: number;
    readonly answered: number;
    readonly unknown: number;
    readonly terms: number;
    readonly switchovers: number;
    readonly changes: number;
    readonly saved: number;
  };
}

/** Simulated milliseconds within which a group has a primary again, and all have the same, when nothing goes wrong any more. */
const healingMs = 60_000;
/** Simulated milliseconds that clients may then need for a write. */
const probeMs = 20_000;
const maxDefects = 3;
/** A group of members that elect their primary by themselves, from its beginning to equal content. */
export class GroupSimulation {
  readonly #options: TestbedOptions;
  readonly #testbed: Testbed;
  readonly #plan: GroupPlan;
  readonly #world: GroupWorld;
  readonly #network: SimulatedNetwork;
  readonly #nodes: readonly DataNode[];
  readonly #witness: WitnessNode | undefined;
  readonly #commits = new CommitWatch();
  readonly #clients: GroupClients;
  readonly #operator: GroupOperator;

  private constructor(options: TestbedOptions) {
    this.#options = options;
    const { seed } = options;
    this.#testbed = new Testbed('group', options, maxDefects);
    this.#plan = planGroup(new Chance(seed, 'group'));
    const calls = new Calls(this.#testbed.time, new Chance(seed, 'calls'));
    this.#network = new SimulatedNetwork({
      ...{ time: this.#testbed.time, trace: this.#testbed.trace, chance: new Chance(seed, 'network') },
      windowBytes: this.#plan.windowBytes,
      onLost: (process) => calls.lose(process),
    });
    const nodes = this.#testbed.nodeWorld({ ...this.#plan, network: this.#network, sendsEagerly: false });
    this.#world = {
      ...{ nodes, plan: this.#plan, calls, coordinator: new CoordinatorServer(this.#testbed.time) },
      member: (name) => this.#member(name),
      dataNode: (name) => this.#dataNode(name),
    };
    const { members } = this.#plan.config;
    this.#nodes = members
      .filter(({ witness }) => !witness)
      .map(({ name }) => new DataNode(name, this.#testbed.directory, this.#world));
    const witness = members.find((member) => member.witness);
    this.#witness = witness && new WitnessNode(witness.name, this.#world);
    for (const node of this.#nodes) {
      this.#network.add(node);
    }
    this.#clients = new GroupClients(this.#world, this.#nodes, new Chance(seed, 'clients'));
    this.#operator = new GroupOperator(this.#world, this.#nodes, new Chance(seed, 'operator'));
  }

  /** Runs one seed from beginning to end. */
  static async run(options: TestbedOptions): Promise<GroupResult> {
    using _mutated = (options.mutation ?? faithful).install();
    const simulation = new GroupSimulation(options);
    try {
      await simulation.#run();
      return simulation.#result();
    } finally {
      await simulation.#testbed.end(simulation.#nodes.map(({ node }) => node));
    }
  }

  #dataNode(name: string): DataNode {
    const node = this.#nodes.find((one) => one.name === name);
    if (node === undefined) {
      throw new Error(`there is no member ${name}`);
    }
    return node;
  }

  #member(name: string): Member {
    return this.#witness?.name === name ? this.#witness : this.#dataNode(name);
  }

  async #run(): Promise<void> {
    const { config, faultsMs, clients, ...rest } = this.#plan;
    const { databaseLimits: _, replicationLimits: __, ...told } = rest;
    this.#testbed.trace.add('plan', JSON.stringify({ ...told, config, faultsMs, clients }));
    await this.#begin();
    const faults = new GroupFaults({
      ...{ world: this.#world, nodes: this.#nodes, witness: this.#witness, network: this.#network },
      chance: new Chance(this.#options.seed, 'faults'),
    });
    faults.start();
    this.#operator.start();
    this.#clients.start(clients);
    await this.#advance(faultsMs, () => false);
    this.#testbed.trace.add('world', 'everything gets well');
    faults.stop();
    this.#operator.finish();
    await this.#advance(healingMs, () => this.#isWhole());
    this.#clients.stop();
    await this.#advance(probeMs, () => this.#clients.isIdle);
    if (this.#testbed.isFlawless) {
      await this.#judge();
    }
  }

  /** The group is made while all is well. */
  async #begin(): Promise<void> {
    this.#witness?.start();
    for (const { node } of this.#nodes) {
      node.start();
    }
    await this.#advance(5_000, () => this.#nodes.every(({ membership }) => membership !== undefined));
    const [first] = this.#nodes;
    await this.#complete('the group is made', 5_000, async () => await first?.found(this.#plan.config));
    await this.#complete('tables are made', 15_000, async () => {
      while (!(await first?.write(groupSchema.map((sql) => ({ sql }))).catch(() => undefined))) {
        await this.#pause();
      }
    });
  }

  /** Lets time pass until something is done, which must be within a limit. */
  async #complete(what: string, limitMs: number, action: () => Promise<void>): Promise<void> {
    let state: 'under way' | 'done' | 'failed' = 'under way';
    this.#testbed.time.after(0, world, () => {
      action().then(
        () => {
          state = 'done';
        },
        (error: unknown) => {
          state = 'failed';
          this.#testbed.defect(`${what}: ${String(error)}`);
        },
      );
    });
    await this.#advance(limitMs, () => state !== 'under way');
    if ((state as string) === 'under way') {
      this.#testbed.defect(`${what}: not within ${limitMs} ms`);
    }
  }

  #advance(durationMs: number, done: () => boolean): Promise<void> {
    return this.#testbed.advance(durationMs, () => this.#watch(), done);
  }

  async #watch(): Promise<void> {
    for (const node of this.#nodes) {
      const positions = node.database?.positions();
      if (positions !== undefined && node.node.isHealthy) {
        node.node.watch.check(positions);
        node.watchPromise();
        await this.#commits.look(node);
      }
    }
  }

  get #primary(): DataNode | undefined {
    const leading = this.#nodes.filter(({ leads }) => leads);
    return leading.length === 1 ? leading[0] : undefined;
  }

  /** Whether one member leads, all are members, and each shows what the primary has. */
  #isWhole(): boolean {
    const primary = this.#primary;
    const isComplete = (node: DataNode) => {
      const { leader } = node.membership ?? {};
      return node.node.isHealthy && leader?.member.name === primary?.name && node.database?.failure() === undefined;
    };
    return primary !== undefined && this.#operator.isWhole && this.#nodes.every(isComplete);
  }

  #isLevel(): boolean {
    const tip = this.#primary?.database?.positions().tip;
    return (
      this.#isWhole() &&
      this.#nodes.every(({ database }) => database?.positions().applied === tip && database?.positions().tip === tip)
    );
  }

  async #judge(): Promise<void> {
    // A crash that was under way may have come meanwhile.
    await this.#advance(healingMs, () => this.#isWhole());
    if (!this.#isWhole()) {
      this.#tellStates('no whole group');
      return;
    }
    await this.#probe();
    await this.#advance(probeMs, () => this.#isLevel());
    if (!this.#isLevel()) {
      this.#tellStates('not level');
      return;
    }
    this.#compareContent();
    const violations = judge({
      finalTerms: await this.#finalTerms(),
      ...{ operations: operationsOf(this.#clients.history.events), commits: this.#commits.commits },
      saved: this.#nodes.flatMap((node) => node.savedChanges()),
      mayLose: this.#plan.mayLose,
      final: finalLists(this.#primary?.database?.filePath ?? ''),
    });
    for (const { rule, message } of violations.slice(0, maxDefects)) {
      this.#testbed.defect(`${rule}: ${message}`);
    }
  }

  /** From the log of the primary, and before its beginning from what was committed. */
  async #finalTerms(): Promise<Map<number, number>> {
    const { node, database } = this.#primary as DataNode;
    const { firstTxId } = database?.gauges.storage() ?? { firstTxId: 1 };
    const records = await recordsOf(node, firstTxId, database?.positions().tip ?? 0);
    const [first] = records;
    const before = first && this.#commits.termsBefore(first.txId, Buffer.from(first.hash).toString('hex'));
    return new Map([...(before ?? []), ...records.map(({ txId, term }) => [txId, term] as const)]);
  }

  /** When all is well, whoever writes to or reads from any member gets an answer. */
  async #probe(): Promise<void> {
    const client = this.#clients.history.client();
    for (const node of this.#nodes) {
      await this.#complete(`a write at ${node.name}`, probeMs, async () => {
        const value = () => 1_000_000 + this.#testbed.time.events;
        while (!(await this.#clients.write(client, node, { f: 'write', key: 1, value: value() }))) {
          await this.#pause();
        }
        while (!(await this.#clients.read(client, node, { f: 'read', key: 1, value: null }, 'linearizable'))) {
          await this.#pause();
        }
      });
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#testbed.time.after(50, world, resolve));
  }

  #compareContent(): void {
    const contents = this.#nodes.map(({ name, database }) => {
      const { txId, digest } = logicalDigest(database?.filePath ?? '');
      return { node: name, txId, digest: Buffer.from(digest).toString('hex').slice(0, 16) };
    });
    for (const { rule, message } of checkEqualContent(contents)) {
      this.#testbed.defect(`${rule}: ${message}`);
    }
  }

  #tellStates(what: string): void {
    for (const node of this.#nodes) {
      const { tip, applied } = node.database?.positions() ?? { tip: -1, applied: -1 };
      const { state = 'no replicator', reason = '' } = node.node.replicator?.status() ?? {};
      const { leader, leadership } = node.membership ?? {};
      const known = `${leader?.member.name ?? 'nobody'} ${leader?.term ?? 0} leads ${node.leads} ${leadership?.term ?? ''}`;
      const failure = node.database?.failure()?.message ?? '';
      this.#testbed.defect(
        `${what}: ${node.name} knows ${known} role ${node.database?.settings.role} tip ${tip} applied ${applied} ${state} ${reason} ${failure}`,
      );
    }
  }

  #result(): GroupResult {
    const { events } = this.#clients.history;
    const ended = (type: string) => events.filter((event) => event.type === type).length;
    const { commits } = this.#commits;
    return {
      ...this.#testbed.result(),
      counts: {
        ...{ events: this.#testbed.time.events, simulatedMs: Math.round(this.#testbed.time.nowMs) },
        transactions: Math.max(0, ...commits.map(({ txId }) => txId)),
        ...{ calls: ended('invoke'), answered: ended('ok'), unknown: ended('info') },
        terms: new Set(commits.filter(({ role }) => role === 'primary').map(({ term }) => term)).size,
        ...{
          switchovers: this.#operator.switchovers,
          changes: this.#operator.changes,
          saved: this.#nodes.reduce((sum, node) => sum + node.savedChanges().length, 0),
        },
      },
    };
  }
}
