import { asQuorateError, QuorateError } from '../errors/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import { Alarm } from './alarm.ts';
import { Candidacy } from './candidacy.ts';
import type { Decision, ElectionKind } from './decision.ts';
import type { GroupState, GroupStore } from './group-store.ts';
import { type KnownLeader, LeaderKnowledge } from './known-leader.ts';
import { LeaderWatch } from './leader-watch.ts';
import { Leadership } from './leadership.ts';
import { leaderAcks } from './promotion-rules.ts';
import { within } from './time-limit.ts';
import type { GroupConfig, GroupMember, GroupPeers, MemberDatabase, MemberPosition, MemberView } from './types.ts';

export interface MembershipOptions {
  readonly database: string;
  readonly nodeId: string;
  readonly store: GroupStore;
  readonly peers: GroupPeers;
  /** Absent on a witness. */
  readonly local: MemberDatabase | undefined;
  readonly runtime: Runtime;
  /** Called with every election of this member that ended otherwise than the one before. */
  readonly onDecision: (decision: Decision) => void;
  /** Called after each look at the coordinator while this member leads. */
  readonly onLeading?: (config: GroupConfig) => void;
  /** Called when this member, or as far as it knows another, has become primary. */
  readonly onLeader: (leader: KnownLeader | undefined) => void;
}

/** Milliseconds between two looks at the coordinator when it says nothing by itself, as a part of a lease. */
const looksPerLease = 5;
/** Milliseconds in which a primary answers a witness. */
const witnessLimitMs = 200;

/**
 * The part of one node in one group: follows the primary, says what it has to those who want to become primary, becomes it
 * itself when the rules allow, and gives it up before its lease ends.
 */
export class Membership implements AsyncDisposable {
  readonly #options: MembershipOptions;
  readonly #watch: LeaderWatch;
  readonly #candidacy: Candidacy;
  #state: GroupState | undefined;
  #leadership: Leadership | undefined;
  readonly #known: LeaderKnowledge;
  #confirmed = { term: 0, untilMs: -Infinity };
  #isClosed = false;
  readonly #alarm: Alarm;
  readonly #watching: Disposable;
  readonly #running: Promise<void>;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: MembershipOptions) {
    const { runtime, store } = options;
    this.#options = options;
    this.#watch = new LeaderWatch(runtime.clock);
    this.#alarm = new Alarm(runtime.timers);
    this.#candidacy = new Candidacy(runtime, options.onDecision);
    this.#known = new LeaderKnowledge(runtime.timers, (leader) => {
      leader && this.#candidacy.notePrimary(leader.term);
      options.onLeader(leader);
    });
    this.#watching = store.watch(() => this.wake());
    this.#running = this.#run();
  }

  /** Who is primary, as far as this member knows. */
  get leader(): KnownLeader | undefined {
    return this.#known.leader;
  }

  get config(): GroupConfig | undefined {
    return this.#state?.config;
  }

  /** Whether this member may answer for its term at this moment. */
  get isLeading(): boolean {
    return this.#leadership?.isValid === true;
  }

  get leadership(): Leadership | undefined {
    return this.#leadership;
  }

  get store(): GroupStore {
    return this.#options.store;
  }

  /** Makes the member look at the coordinator now. */
  wake(): void {
    this.#alarm.call();
  }

  /** What this member has and hears, for candidates. */
  async view(): Promise<MemberView> {
    const { nodeId, local } = this.#options;
    const leads = this.isLeading ? { term: this.#leadership?.term ?? 0 } : undefined;
    const hears = local === undefined ? await this.#listen() : local.heard();
    return { nodeId, role: local?.role ?? 'witness', position: local?.position(), hears, leads };
  }

  /** A witness has no stream from the primary, so it asks. */
  async #listen(): Promise<MemberView['hears']> {
    const { peers, runtime, database } = this.#options;
    const { leader } = this.#known;
    if (leader === undefined) {
      return undefined;
    }
    try {
      const answer = peers.ask(leader.member, database);
      const { leads } = await within(runtime.timers, witnessLimitMs, 'the answer of the primary', answer);
      return leads && { term: leads.term, ageMs: 0 };
    } catch {
      return undefined;
    }
  }

  /** @throws QuorateError STALE_TERM; UNAVAILABLE while this member stands by another */
  async promise(term: number, candidate: string): Promise<MemberPosition> {
    const { local } = this.#options;
    if (this.#standsBy) {
      throw new QuorateError('UNAVAILABLE', 'this member has just confirmed the present primary');
    }
    if (local === undefined) {
      throw new QuorateError('WRONG_ROLE', 'a witness holds no data, so it has nothing to promise');
    }
    // Whoever has promised a higher term answers for its own no more.
    if (this.#leadership !== undefined && this.#leadership.term < term) {
      this.#leadership.withdraw();
    }
    return await local.promise(term, candidate);
  }

  /** Stands by the primary of a term for so long. @throws QuorateError STALE_TERM */
  confirm(term: number, forMs: number): void {
    const { local, runtime } = this.#options;
    const promised = Math.max(local?.position()?.promisedTerm ?? 0, this.#known.leader?.term ?? 0);
    if (term < promised) {
      throw new QuorateError('STALE_TERM', `this member follows term ${promised}, not ${term}`);
    }
    this.#confirmed = { term, untilMs: runtime.clock.monotonicMs() + forMs };
  }

  /**
   * Becomes primary now, by order; with `dryRun` only says whether it could.
   * @throws QuorateError WRONG_ROLE while the primary gives signs of life
   */
  async takeOver(kind: ElectionKind, dryRun = false): Promise<Decision> {
    const decision = await this.#exclusively(async () => {
      await this.#look();
      // It may have seen by itself that the place is for it.
      return this.#leadership === undefined ? await this.#elect(kind, dryRun) : this.#candidacy.last;
    });
    this.wake();
    if (decision === undefined) {
      throw new QuorateError(
        'WRONG_ROLE',
        'this member does not know its group yet, or was primary of it from the beginning',
      );
    }
    return decision;
  }

  /** Runs a planned change of the primary; nothing else of this member goes on meanwhile. */
  hand<T>(action: (leadership: Leadership, state: GroupState) => Promise<T>): Promise<T> {
    return this.#exclusively(async () => {
      await this.#look();
      if (this.#leadership === undefined || this.#state === undefined) {
        throw new QuorateError('WRONG_ROLE', 'this member is not primary', {
          hint: 'Send the command to any member of the group: it finds the primary.',
        });
      }
      try {
        return await action(this.#leadership, this.#state);
      } finally {
        if (this.#leadership?.hasEnded === true) {
          await this.#lose('it gave its place up, or lost it meanwhile');
        }
        this.wake();
      }
    });
  }

  /** Begins as the primary of a group that was just made. */
  begin(takenAt: number, term: number, sinceMs: number): Promise<void> {
    return this.#exclusively(async () => {
      await this.#look();
      const { config } = this.#state ?? {};
      const self = this.#self();
      if (config === undefined || self === undefined) {
        throw new QuorateError('UNAVAILABLE', 'the group that was made is not there');
      }
      this.#leadership = this.#newLeadership(takenAt, term, sinceMs, config.failover.leaseMs);
      await this.#options.local?.lead(term, leaderAcks(config, this.#options.nodeId));
      this.#leadership.begin();
      this.#learn({ member: self, term, isSelf: true });
    }).then(() => this.wake());
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      this.#alarm.reset();
      try {
        await this.#exclusively(() => this.#step());
      } catch (error) {
        this.#log(asQuorateError(error), 'the group cannot be looked at');
      }
      await this.#alarm.rest(this.#isClosed ? 0 : this.#restMs);
    }
  }

  /** Milliseconds until the next look, if there is no news. The end of a lease is not to be missed by a part of that. */
  get #restMs(): number {
    const leaseMs = this.#state?.config?.failover.leaseMs ?? 1_500;
    const leftMs = leaseMs - this.#watch.silentMs;
    return leftMs > 0 ? Math.min(leaseMs / looksPerLease, leftMs + 1) : leaseMs / looksPerLease;
  }

  async #look(): Promise<void> {
    const { store, runtime } = this.#options;
    const askedAtMs = runtime.clock.monotonicMs();
    const leaseMs = this.#state?.config?.failover.leaseMs ?? 1_500;
    const state = await within(runtime.timers, leaseMs, 'the coordinator', store.read());
    this.#watch.observe(state, askedAtMs);
    this.#state = state;
  }

  async #step(): Promise<void> {
    await this.#look();
    const { config } = this.#state as GroupState;
    const self = this.#self();
    if (this.#leadership !== undefined) {
      await this.#goOn(this.#leadership, self);
    }
    if (this.#leadership === undefined && this.#options.local?.role === 'primary') {
      // What could not be written when it lost its place, as on a full disk, is tried again.
      await this.#options.local.stepDown();
    }
    if (config !== undefined && self !== undefined && this.#leadership === undefined) {
      await this.#standOrFollow(config, self);
    }
  }

  /** A primary that still is one takes what was changed in the group. */
  async #goOn(leadership: Leadership, self: GroupMember | undefined): Promise<void> {
    const { config, revisions } = this.#state as GroupState;
    if (leadership.hasEnded || leadership.takenAt !== revisions.term || config === undefined || self === undefined) {
      await this.#lose(self === undefined ? 'it left the group' : 'another member became primary');
    } else {
      await leadership.refresh(config);
      this.#options.onLeading?.(config);
    }
  }

  async #standOrFollow(config: GroupConfig, self: GroupMember): Promise<void> {
    const { leader } = this.#state as GroupState;
    if (!this.#isVacant(config)) {
      await (leader && this.#follow(config, leader.nodeId, leader.term));
      return;
    }
    if (!this.#standsBy) {
      this.#learn(undefined);
    }
    await this.#stand(self);
  }

  /** Whether nobody can be primary any more. What this node was before its start, or before it stepped down, it is no more. */
  #isVacant(config: GroupConfig): boolean {
    const { leader } = this.#state as GroupState;
    const isOwnPast = leader?.nodeId === this.#options.nodeId && this.#leadership === undefined;
    return leader?.resigned === true || isOwnPast || this.#watch.silentMs > config.failover.leaseMs;
  }

  /** Whether the primary has asked this member to stand by it while it does not reach the coordinator, and has not resigned since. */
  get #standsBy(): boolean {
    const { resigned = false, term = 0 } = this.#state?.leader ?? {};
    const isOver = resigned && term >= this.#confirmed.term;
    return !isOver && this.#confirmed.untilMs > this.#options.runtime.clock.monotonicMs();
  }

  #self(): GroupMember | undefined {
    return this.#state?.config?.members.find(({ nodeId }) => nodeId === this.#options.nodeId);
  }

  /** Tries to become primary, unless somebody else is to or it has just failed. */
  async #stand(self: GroupMember): Promise<void> {
    const { planned } = this.#state as GroupState;
    const isPlanned = planned !== undefined && planned.untilMs > this.#options.runtime.clock.nowMs();
    if (this.#candidacy.isDue && (!isPlanned || planned.to === self.nodeId)) {
      await this.#elect(isPlanned ? 'switchover' : 'automatic');
    }
  }

  async #elect(kind: ElectionKind, dryRun = false): Promise<Decision | undefined> {
    const { local, store, peers } = this.#options;
    const { config } = this.#state ?? {};
    const self = this.#self();
    if (config === undefined || self === undefined || local === undefined) {
      return undefined;
    }
    if (!this.#isVacant(config)) {
      throw new QuorateError('WRONG_ROLE', 'the present primary gives signs of life, so nobody takes its place', {
        hint: 'Use quorate switchover to change the primary while it lives.',
      });
    }
    const context = {
      ...{ state: { ...(this.#state as GroupState), config }, self, local, store, peers },
      silentMs: this.#watch.silentMs,
      standsBy: this.#standsBy,
      onTaken: (takenAt: number, term: number, sinceMs: number) => {
        this.#leadership = this.#newLeadership(takenAt, term, sinceMs, config.failover.leaseMs);
        this.#leadership.begin();
      },
    };
    if (dryRun) {
      return await this.#candidacy.rehearse(kind, context);
    }
    const decision = await this.#candidacy.stand(kind, context);
    if (decision.refusal === undefined) {
      this.#learn({ member: self, term: decision.term as number, isSelf: true });
    } else {
      await this.#leadership?.end();
      this.#leadership = undefined;
    }
    return decision;
  }

  #newLeadership(takenAt: number, term: number, sinceMs: number, leaseMs: number): Leadership {
    const { store, peers, local, runtime, nodeId, database } = this.#options;
    return new Leadership({
      ...{ store, peers, local, runtime, nodeId, database, takenAt, term, sinceMs, leaseMs },
      config: () => this.#state?.config,
      onLost: () => this.wake(),
    });
  }

  async #follow(config: GroupConfig, nodeId: string, term: number): Promise<void> {
    const { local } = this.#options;
    const member = config.members.find((one) => one.nodeId === nodeId);
    if (member === undefined) {
      return;
    }
    this.#learn({ member, term, isSelf: false });
    if (local === undefined) {
      return;
    }
    await local.follow(member);
    if (local.hasDiverged) {
      const { transactions, file } = await local.rejoin();
      const message = `this member had ${transactions} transactions that its group has not; they were saved and undone`;
      this.#options.runtime.logger.warn({ database: this.#options.database, transactions, file }, message);
    }
  }

  /** A primary that gives signs of life still answers what it was sent. */
  #learn(leader: Omit<KnownLeader, 'gone'> | undefined): void {
    const leaseMs = this.#state?.config?.failover.leaseMs ?? 0;
    this.#known.learn(leader, this.#watch.silentMs > leaseMs ? 0 : leaseMs);
  }

  /** No longer primary: nothing more is committed from here on. */
  async #lose(reason: string): Promise<void> {
    const leadership = this.#leadership;
    this.#leadership = undefined;
    if (leadership !== undefined) {
      this.#learn(undefined);
      this.#options.runtime.logger.warn(
        { database: this.#options.database, term: leadership.term },
        `steps down: ${reason}`,
      );
      await leadership.end();
    }
  }

  #log({ code, message: error }: QuorateError, message: string): void {
    const { runtime, database } = this.#options;
    runtime.logger.warn({ database, code, error }, message);
  }

  #exclusively<T>(action: () => Promise<T>): Promise<T> {
    const run = this.#tail.then(action);
    this.#tail = run.catch(() => {});
    return run;
  }

  /** Stops taking part. A primary gives its place up, so that another need not wait for the end of its lease. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#watching[Symbol.dispose]();
    this.wake();
    await this.#running;
    const told = (message: string) => (error: unknown) => this.#log(asQuorateError(error), message);
    await this.#exclusively(async () => {
      await this.#leadership?.resign().catch(told('the place of the primary was not given up'));
      // Without its lease it commits nothing, and what opens next is a replica whatever is on disk.
      await this.#lose('the node stops').catch(told('the database does not become a replica'));
    });
    this.#known[Symbol.dispose]();
  }
}
