import { asQuorateError, type QuorateError } from '../errors/interface.ts';
import { isoTime, type Runtime } from '../runtime/interface.ts';
import { type Decision, describeView, type ElectionKind, type Rule, told, type Vote } from './decision.ts';
import type { GroupState, GroupStore } from './group-store.ts';
import {
  type Candidate,
  compareCandidates,
  countsForAcks,
  isAhead,
  leaderAcks,
  mayBeElected,
  type PromotionNumbers,
  promotionNumbers,
} from './promotion-rules.ts';
import { within } from './time-limit.ts';
import type { GroupConfig, GroupMember, GroupPeers, MemberDatabase, MemberPosition, MemberView } from './types.ts';

/** What an election needs of its surroundings. */
export interface ElectionContext {
  readonly kind: ElectionKind;
  readonly state: GroupState & { readonly config: GroupConfig };
  readonly self: GroupMember;
  readonly local: MemberDatabase;
  readonly store: GroupStore;
  readonly peers: GroupPeers;
  readonly runtime: Runtime;
  /** Milliseconds without a sign of the old primary. */
  readonly silentMs: number;
  /** Whether one primary has followed another too quickly. */
  readonly isFlapping: boolean;
  /** Whether this member stands by the old primary, as it was asked to. */
  readonly standsBy: boolean;
  /** Ends before anything is changed. */
  readonly dryRun: boolean;
  /** Called when the place is taken: from then on signs are to be given. Before, the clock was read. */
  readonly onTaken: (takenAt: number, term: number, sinceMs: number) => void;
}

/** Milliseconds that a member has to answer. */
const askLimitMs = 400;
const promiseLimitMs = 2_000;
/** Milliseconds in which something of what is missing must arrive: meanwhile there is no primary. */
const fetchLimitMs = 3_000;
const fetchTickMs = 10;

/** An election that ends without a primary. */
class Refused extends Error {
  readonly rule: Rule;

  constructor(rule: Rule, message: string) {
    super(message);
    this.rule = rule;
  }
}

interface Answer {
  readonly member: GroupMember;
  readonly view: MemberView | undefined;
  readonly error: QuorateError | undefined;
}

/**
 * One attempt of this member to become primary, by the rules of docs/failover.md: nobody hears the old primary, the place
 * is taken in the coordinator, enough members promise the new term, and the log that goes furthest is here.
 */
export class Election {
  readonly #context: ElectionContext;
  readonly #numbers: PromotionNumbers;
  readonly #timings: Record<string, number> = {};
  readonly #votes = new Map<string, Vote>();
  readonly #startedAtMs: number;
  #mayLose = 0;
  #answered = 0;
  #term: number | undefined;
  #takenAt: number | undefined;
  #isFetching = false;

  constructor(context: ElectionContext) {
    this.#context = context;
    this.#numbers = promotionNumbers(context.state.config);
    this.#startedAtMs = context.runtime.clock.nowMs();
  }

  /** Never throws: what went wrong is in the decision. */
  async run(): Promise<Decision> {
    try {
      this.#checkSelf();
      const answers = await this.#timed('ask', () => this.#ask());
      this.#checkAnswers(answers);
      if (this.#context.dryRun) {
        return this.#decision(undefined);
      }
      await this.#timed('take', () => this.#take());
      const promises = await this.#timed('promise', () => this.#collectPromises());
      await this.#timed('fetch', () => this.#fetch(promises));
      await this.#timed('lead', () => this.#lead());
      return this.#decision(undefined);
    } catch (error) {
      const rule = error instanceof Refused ? error.rule : 'failed';
      const message = error instanceof Refused ? error.message : asQuorateError(error).message;
      await this.#giveUp();
      return this.#decision({ rule, message });
    }
  }

  get #config(): GroupConfig {
    return this.#context.state.config;
  }

  get #isOrdered(): boolean {
    return this.#context.kind !== 'automatic';
  }

  #checkSelf(): void {
    const { self, local, runtime, standsBy, isFlapping } = this.#context;
    const { failover, pausedUntilMs = 0 } = this.#config;
    if (!countsForAcks(self) || !(this.#isOrdered || mayBeElected(self))) {
      throw new Refused('not-eligible', `${self.name} never becomes primary${self.nofailover ? ' by itself' : ''}`);
    }
    if (!this.#isOrdered && !failover.automatic) {
      throw new Refused('automatic-off', 'automatic failover is switched off for this group');
    }
    if (!this.#isOrdered && pausedUntilMs > runtime.clock.nowMs()) {
      throw new Refused('paused', `failover is paused until ${isoTime(pausedUntilMs)}`);
    }
    if (!this.#isOrdered && isFlapping) {
      throw new Refused('flapping', 'the group had too many primaries in too short a time');
    }
    if (local.position() === undefined || local.position()?.durable.txId === 0) {
      throw new Refused('no-data', `${self.name} has nothing of the database yet`);
    }
    if (standsBy) {
      throw new Refused('leader-alive', `${self.name} has just confirmed the present primary`);
    }
  }

  #others(): GroupMember[] {
    return this.#config.members.filter(({ nodeId }) => nodeId !== this.#context.self.nodeId);
  }

  async #ask(): Promise<Answer[]> {
    const { peers, runtime } = this.#context;
    const { database } = this.#config;
    return await Promise.all(
      this.#others().map(async (member): Promise<Answer> => {
        try {
          const view = await within(
            runtime.timers,
            askLimitMs,
            `the answer of ${member.name}`,
            peers.ask(member, database),
          );
          this.#note(member, describeView(view), view.position);
          return { member, view, error: undefined };
        } catch (error) {
          const failure = asQuorateError(error);
          this.#note(member, `${failure.code}: ${failure.message}`);
          return { member, view: undefined, error: failure };
        }
      }),
    );
  }

  #note(member: GroupMember, answer: string, position?: MemberPosition): void {
    const { nodeId, name } = member;
    this.#votes.set(nodeId, { nodeId, name, answer, ...(position && { position: told(position) }) });
  }

  #checkAnswers(answers: readonly Answer[]): void {
    this.#checkLeaderIsGone(answers);
    const { answers: needed, votes, dataMembers, holders } = this.#numbers;
    const answered = answers.filter(({ view }) => view !== undefined);
    if (!this.#isOrdered && answered.length + 1 < votes) {
      throw new Refused(
        'votes',
        `${answered.length + 1} of ${this.#config.members.length} members agree, ${votes} must`,
      );
    }
    const mine = this.#minePosition();
    const withData = answered.filter(({ member, view }) => countsForAcks(member) && view?.position !== undefined);
    this.#mayLose = this.#lossOf(mine, withData);
    this.#answered = withData.length + 1;
    if (this.#answered < needed && this.#context.kind !== 'forced') {
      this.#requireBoundedLoss(
        `${this.#answered} of ${dataMembers} members with data answer; ${needed} must, since ${holders} of them hold ` +
          'what was acknowledged',
      );
    }
    const better = answered.find(
      ({ member, view }) =>
        mayBeElected(member) &&
        view?.position !== undefined &&
        compareCandidates({ member, position: view.position }, this.#own(mine)) < 0,
    );
    // It has a lease's time to come forward.
    if (better !== undefined && !this.#isOrdered && this.#context.silentMs < 2 * this.#config.failover.leaseMs) {
      throw new Refused('better-member', `${better.member.name} is to be preferred`);
    }
  }

  #checkLeaderIsGone(answers: readonly Answer[]): void {
    if (this.#context.kind === 'switchover') {
      return;
    }
    for (const { member, view } of answers) {
      if (view?.leads !== undefined) {
        throw new Refused('leader-alive', `${member.name} is primary of term ${view.leads.term} and may answer for it`);
      }
      if (view?.hears !== undefined && view.hears.ageMs < this.#config.failover.leaseMs) {
        throw new Refused(
          'leader-heard',
          `${member.name} heard the primary of term ${view.hears.term} ${Math.round(view.hears.ageMs)} ms ago`,
        );
      }
    }
  }

  /** What the old primary last said that it had, and none of those who answer has. */
  #lossOf(mine: MemberPosition, answers: readonly Answer[]): number {
    const { leader } = this.#context.state;
    const furthest = Math.max(mine.durable.txId, ...answers.map(({ view }) => view?.position?.durable.txId ?? 0));
    return leader === undefined || leader.resigned ? 0 : Math.max(0, leader.tipTxId - furthest);
  }

  #requireBoundedLoss(reason: string): void {
    const { maxLag = 0 } = this.#config.failover;
    if (!this.#mayLoseSome) {
      throw new Refused('answers', `${reason}. Nobody can say that nothing would be lost`);
    }
    if (this.#mayLose > maxLag) {
      throw new Refused('max-lag', `${reason}, and ${this.#mayLose} transactions would be lost; ${maxLag} may`);
    }
  }

  /** Where an acknowledgement names no replica, people may have said how much may be lost with the primary. */
  get #mayLoseSome(): boolean {
    return this.#numbers.holders === 1 && this.#config.failover.maxLag !== undefined;
  }

  #minePosition(): MemberPosition {
    const position = this.#context.local.position();
    if (position === undefined) {
      throw new Refused('no-data', 'the database was closed meanwhile');
    }
    return position;
  }

  #own(position: MemberPosition): Candidate {
    return { member: this.#context.self, position };
  }

  async #take(): Promise<void> {
    const { store, state, self, runtime, onTaken } = this.#context;
    const sinceMs = runtime.clock.monotonicMs();
    const takenAt = await store.take(state, self.nodeId);
    if (takenAt === undefined) {
      throw new Refused('race', 'another member was faster, or the group was changed meanwhile');
    }
    this.#takenAt = takenAt;
    this.#term = this.#config.termBase + takenAt;
    onTaken(takenAt, this.#term, sinceMs);
  }

  /** A promise is durable before it is given, so that no lower term is confirmed any more by those who gave one. */
  async #collectPromises(): Promise<Candidate[]> {
    const { peers, local, self, runtime } = this.#context;
    const { database } = this.#config;
    const term = this.#term as number;
    const own = this.#own(await local.promise(term, self.nodeId));
    const promised: Candidate[] = [own];
    const missing = this.#others().map(async (member) => {
      try {
        const call = peers.promise(member, database, term, self.nodeId);
        const position = await within(runtime.timers, promiseLimitMs, `the promise of ${member.name}`, call);
        promised.push({ member, position });
        this.#promised(member, position);
      } catch (error) {
        this.#promised(member, undefined, asQuorateError(error));
      }
    });
    await this.#settled(missing, () => this.#countData(promised) >= this.#countData(this.#reachable()));
    const { answers: needed, dataMembers } = this.#numbers;
    const count = this.#countData(promised);
    if (count < needed && this.#context.kind !== 'forced' && !this.#mayLoseSome) {
      throw new Refused('promises', `${count} of ${dataMembers} members promised term ${term}; ${needed} must`);
    }
    return promised;
  }

  /** Those who answered the question a moment ago: the others are not waited for. */
  #reachable(): { readonly member: GroupMember }[] {
    const { self } = this.#context;
    const answered = this.#config.members.filter(
      ({ nodeId }) => nodeId === self.nodeId || this.#votes.get(nodeId)?.position !== undefined,
    );
    return answered.map((member) => ({ member }));
  }

  #countData(candidates: readonly { readonly member: GroupMember }[]): number {
    return candidates.filter(({ member }) => countsForAcks(member)).length;
  }

  /** Resolves when all have answered, or as soon as enough is known. */
  async #settled(calls: readonly Promise<void>[], isEnough: () => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = () => isEnough() && resolve();
      look();
      for (const call of calls) {
        void call.then(look);
      }
      void Promise.all(calls).then(() => resolve());
    });
  }

  #promised(member: GroupMember, position: MemberPosition | undefined, error?: QuorateError): void {
    const { nodeId, name } = member;
    const before = this.#votes.get(nodeId);
    const answer = error === undefined ? (before?.answer ?? '') : `${error.code}: ${error.message}`;
    const known = position === undefined ? before?.position : told(position);
    this.#votes.set(nodeId, { nodeId, name, answer, promised: error === undefined, ...(known && { position: known }) });
  }

  /** The log that goes furthest has everything that was acknowledged, so everything of it must be here. */
  async #fetch(promises: readonly Candidate[]): Promise<void> {
    const { local, runtime } = this.#context;
    const best = promises.reduce((one, other) => (isAhead(other.position, one.position) ? other : one));
    if (!isAhead(best.position, this.#minePosition())) {
      return;
    }
    this.#isFetching = true;
    await local.follow(best.member);
    let arrived = { txId: 0, atMs: runtime.clock.monotonicMs() };
    for (let mine = this.#minePosition(); isAhead(best.position, mine); mine = this.#minePosition()) {
      const nowMs = runtime.clock.monotonicMs();
      if (mine.durable.txId !== arrived.txId) {
        arrived = { txId: mine.durable.txId, atMs: nowMs };
      } else if (nowMs > arrived.atMs + fetchLimitMs) {
        throw new Refused('fetch', `nothing of what ${best.member.name} has arrived for ${fetchLimitMs} ms`);
      }
      await runtime.timers.sleep(fetchTickMs);
    }
  }

  async #lead(): Promise<void> {
    const { local, self } = this.#context;
    await local.lead(this.#term as number, leaderAcks(this.#config, self.nodeId));
  }

  /** Others need not wait for a lease whose holder knows that it does not lead. */
  async #giveUp(): Promise<void> {
    const { store, self, runtime, local } = this.#context;
    if (this.#takenAt === undefined) {
      return;
    }
    const sign = {
      ...{ nodeId: self.nodeId, term: this.#term as number, count: 0, resigned: true },
      ...{ tipTxId: local.position()?.durable.txId ?? 0, atMs: runtime.clock.nowMs() },
    };
    await store.resign(this.#takenAt, sign).catch(() => {});
    if (this.#isFetching) {
      // Whom this member fetched from is no primary, and must not be taken for one.
      await local.unfollow().catch(() => {});
    }
  }

  async #timed<T>(step: string, action: () => Promise<T>): Promise<T> {
    const { clock } = this.#context.runtime;
    const startMs = clock.monotonicMs();
    try {
      return await action();
    } finally {
      this.#timings[step] = Math.round(clock.monotonicMs() - startMs);
    }
  }

  #decision(refusal: Decision['refusal']): Decision {
    const { kind, state, self, silentMs } = this.#context;
    return {
      ...{ database: this.#config.database, kind, candidate: self.name, atMs: this.#startedAtMs },
      previousLeader: state.leader?.nodeId ?? '',
      previousTerm: state.leader?.term ?? 0,
      silentMs: Math.round(silentMs),
      numbers: this.#numbers,
      votes: [...this.#votes.values()],
      term: refusal === undefined ? this.#term : undefined,
      refusal,
      answered: this.#answered,
      mayLose: this.#mayLose,
      timings: this.#timings,
    };
  }
}
