import type { AckWatch } from './ack-watch.ts';
import { type Archive, recordsOf } from './archive.ts';
import type { Chance } from './chance.ts';
import { ackSettings, type ClusterPlan, primarySettings, replicaSettings } from './cluster-plan.ts';
import { namesIn } from './record-names.ts';
import type { SimulatedNode } from './simulated-node.ts';
import { type SimulatedTime, world } from './simulated-time.ts';
import type { Trace } from './trace.ts';

/** How often the operator looks at the cluster, in milliseconds. */
const roundMs = 250;

export interface OperatorOptions {
  readonly plan: ClusterPlan;
  /** The primary first. */
  readonly nodes: readonly SimulatedNode[];
  readonly time: SimulatedTime;
  readonly chance: Chance;
  readonly trace: Trace;
  readonly archive: Archive;
  readonly acks: AckWatch;
  readonly onError: (error: unknown) => void;
  /** Records are about to go with the primary that had them; `shown`: the highest that readers have seen. */
  readonly onLost: (lost: Awaited<ReturnType<Archive['follow']>>, shown: number) => Promise<void>;
}

/** The person who looks after the cluster: changes ack levels, and promotes a replica when the primary is gone. */
export class Operator {
  readonly #options: OperatorOptions;
  #primary: SimulatedNode;
  #failoversLeft: number;
  #failovers = 0;
  #ackChanges = 0;
  /** The primary is gone: the one that takes its place, once it is chosen. */
  #vacancy: { readonly former: SimulatedNode; chosen?: SimulatedNode } | undefined;
  #finishing = false;

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.#primary = options.nodes[0] as SimulatedNode;
    this.#failoversLeft = options.plan.failovers;
  }

  get primary(): SimulatedNode {
    return this.#primary;
  }

  get replicas(): readonly SimulatedNode[] {
    return this.#options.nodes.filter((node) => node !== this.#primary);
  }

  /** Whether the primary is gone. */
  get isVacant(): boolean {
    return this.#vacancy !== undefined;
  }

  get counts(): { failovers: number; ackChanges: number } {
    return { failovers: this.#failovers, ackChanges: this.#ackChanges };
  }

  start(): void {
    this.#options.time.after(roundMs, world, () => {
      this.#round();
      this.start();
    });
  }

  /** The run ends: from now on the level is one that all replicas together can fulfil. */
  finish(): void {
    this.#finishing = true;
    this.#failoversLeft = 0;
    const { acks } = this.#primary.settings;
    if (acks?.level.kind === 'sync' && acks.level.acks === 2 && this.#options.plan.followed === 'bert') {
      this.#setAcks({ ...acks, level: { kind: 'sync', acks: 1 } });
    }
  }

  #round(): void {
    const { chance, plan, nodes } = this.#options;
    if (this.#vacancy !== undefined) {
      this.#fill(this.#vacancy);
    } else if (!this.#finishing && plan.mixesLevels && chance.happens(0.1)) {
      this.#changeAcks();
    } else if (this.#failoversLeft > 0 && this.#isFollowed && chance.happens(0.05)) {
      this.#loseThePrimary();
    }
    for (const node of nodes) {
      node.become(node.settings);
      if (plan.mayLose && node.isHealthy && node.replicator?.status().state === 'diverged') {
        this.#rejoin(node).catch(this.#options.onError);
      }
    }
  }

  /** A former primary has transactions that nobody else had: it saves them and goes back. */
  async #rejoin(node: SimulatedNode): Promise<void> {
    const { archive } = this.#options;
    const { database } = node;
    if (database !== undefined) {
      const own = await recordsOf(node, database.gauges.storage().firstTxId, database.positions().tip);
      const extra = own.filter(({ txId, bytes }) => archive.record(txId)?.bytes.equals(bytes) !== true);
      node.rejoin((extra[0]?.txId ?? 1) - 1, extra.flatMap(namesIn));
    }
  }

  /**
   * Whether everyone who follows the primary has met it since it started. Before that, the end of a replica's log may be
   * something that the primary lost in a crash and wrote anew in the same term: then it is not the most advanced one,
   * whatever its position says. One that never met any upstream would even make another database.
   */
  get #isFollowed(): boolean {
    const primary = this.#primary;
    const following = this.replicas.filter(({ settings }) => settings.replication.upstream?.host === primary.name);
    const isMet = following.every(({ name }) => primary.attached.includes(name));
    const isKnown = this.replicas.every(({ database }) => database?.databaseId !== undefined);
    return primary.database !== undefined && isKnown && (isMet || this.#options.plan.mayLose);
  }

  #changeAcks(): void {
    const { chance, plan } = this.#options;
    this.#setAcks(chance.happens(0.3) ? undefined : ackSettings(chance, false, plan.followed === 'anna'));
  }

  #setAcks(settings: ClusterPlan['acks']): void {
    this.#ackChanges += 1;
    this.#options.acks.changes(settings);
    this.#primary.become(primarySettings(settings));
  }

  #loseThePrimary(): void {
    const { chance, trace } = this.#options;
    this.#failoversLeft -= 1;
    this.#vacancy = { former: this.#primary };
    trace.add('operator', `takes ${this.#primary.name} out`);
    this.#primary.crash(chance.pick(['kill', 'power']), Number.POSITIVE_INFINITY);
  }

  /** Promotes the most advanced of the others, when all of them can be asked. */
  #fill(vacancy: { readonly former: SimulatedNode; chosen?: SimulatedNode }): void {
    const { trace } = this.#options;
    const others = this.#options.nodes.filter((node) => node !== vacancy.former);
    if (vacancy.chosen !== undefined || !others.every((node) => node.isHealthy && node.isSettled)) {
      return;
    }
    const [chosen] = others.toSorted((a, b) => advance(b) - advance(a));
    vacancy.chosen = chosen as SimulatedNode;
    trace.add('operator', `promotes ${vacancy.chosen.name}`);
    vacancy.chosen.become(primarySettings(vacancy.former.settings.acks));
    for (const node of others) {
      if (node !== vacancy.chosen) {
        node.become(replicaSettings(vacancy.chosen.name));
      }
    }
  }

  /** To be called after every event: once the new primary is there, the former one may come back as a replica. */
  async watch(): Promise<void> {
    const { former, chosen } = this.#vacancy ?? {};
    if (former === undefined || chosen === undefined || !chosen.isSettled || !chosen.isHealthy) {
      return;
    }
    const { archive, acks, chance, time, nodes, onLost } = this.#options;
    const lost = await archive.follow(chosen);
    await onLost(lost, acks.shown);
    acks.switched(chosen, archive.tip);
    this.#primary = chosen;
    this.#vacancy = undefined;
    this.#failovers += 1;
    // A quorum of all three counts both replicas, so both follow the primary.
    const isFlat = chosen.settings.acks?.level.kind === 'quorum' || chance.happens(0.7);
    const upstream = isFlat ? chosen : nodes.find((node) => node !== chosen && node !== former);
    former.become(replicaSettings((upstream ?? chosen).name));
    time.after(chance.between(0, 5_000), world, () => former.start());
  }
}

/** A later term counts more than any number of transactions. */
function advance({ database }: SimulatedNode): number {
  const { term = 0, durable = 0 } = database?.positions() ?? {};
  return term * 1_000_000_000 + durable;
}
