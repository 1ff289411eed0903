import { isDeepStrictEqual } from 'node:util';
import { asQuorateError, isQuorateError, type QuorateError } from '../errors/interface.ts';
import type { Runtime, Timer } from '../runtime/interface.ts';
import type { GroupStore } from './group-store.ts';
import { leaderAcks } from './promotion-rules.ts';
import { within } from './time-limit.ts';
import type { GroupConfig, GroupPeers, LeaderSign, MemberDatabase, PlannedSwitch } from './types.ts';

export interface LeadershipOptions {
  readonly store: GroupStore;
  readonly peers: GroupPeers;
  readonly local: MemberDatabase | undefined;
  readonly runtime: Runtime;
  readonly nodeId: string;
  readonly database: string;
  /** Revision at which the place was taken. */
  readonly takenAt: number;
  readonly term: number;
  /** Monotonic time before the place was taken. */
  readonly sinceMs: number;
  readonly leaseMs: number;
  readonly config: () => GroupConfig | undefined;
  /** Somebody else has the place. */
  readonly onLost: () => void;
}

/** Signs of life in one lease. */
const signsPerLease = 4;
/** Part of a lease that is not used, since two clocks need not run at the same speed. */
const clockMargin = 0.1;

/**
 * The reign of this member: gives signs of life to the coordinator, and lets the database commit only until the end of the
 * lease that the last of them gave. When the coordinator is silent, it goes on only if all other members stand by it.
 */
export class Leadership {
  readonly #options: LeadershipOptions;
  #untilMs: number;
  #count = 0;
  #ended = false;
  #timer: Timer | undefined;
  #expiry: Timer | undefined;
  #signing: Promise<void> = Promise.resolve();
  #isFailsafe = false;
  #acks: unknown;
  #leaseMs: number;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#leaseMs = options.leaseMs;
    this.#untilMs = this.#leaseFrom(options.sinceMs);
    options.local?.setLease(this.#untilMs);
  }

  get term(): number {
    return this.#options.term;
  }

  get takenAt(): number {
    return this.#options.takenAt;
  }

  /** Whether this member may answer for its term at this moment. */
  get isValid(): boolean {
    return !this.#ended && this.#options.runtime.clock.monotonicMs() < this.#untilMs;
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Whether it goes on without the coordinator. */
  get isFailsafe(): boolean {
    return this.#isFailsafe;
  }

  /** Keeps to a shorter lease from now on, before anybody else does. */
  shortenLease(leaseMs: number): void {
    this.changeLease(Math.min(leaseMs, this.#leaseMs));
  }

  /** Keeps to another lease, that the others know of. */
  changeLease(leaseMs: number): void {
    this.#untilMs -= Math.max(0, this.#leaseMs - leaseMs);
    this.#leaseMs = leaseMs;
    this.#options.local?.setLease(this.#untilMs);
  }

  /** Begins to give signs. */
  begin(): void {
    this.#signing = this.#sign();
  }

  /** Takes what was changed in the group. */
  async refresh(config: GroupConfig): Promise<void> {
    const { local, nodeId } = this.#options;
    const acks = leaderAcks(config, nodeId);
    if (!this.#ended && local?.role === 'primary' && !isDeepStrictEqual(acks, this.#acks)) {
      await local.configureAcks(acks);
      this.#acks = acks;
    }
  }

  #leaseFrom(startMs: number): number {
    return startMs + this.#leaseMs * (1 - clockMargin);
  }

  #again(): void {
    const { runtime } = this.#options;
    this.#timer = runtime.timers.after(this.#leaseMs / signsPerLease, () => {
      this.#signing = this.#sign();
    });
  }

  async #sign(): Promise<void> {
    const { runtime, local, onLost } = this.#options;
    if (this.#ended) {
      return;
    }
    const startMs = runtime.clock.monotonicMs();
    try {
      // A primary that cannot write is none: another takes its place when this lease ends.
      if ((local?.silentMs() ?? 0) < this.#leaseMs / 2) {
        await this.#renew(startMs);
      }
    } catch (error) {
      if (isQuorateError(error) && error.code === 'LEASE_LOST') {
        this.withdraw();
        onLost();
        return;
      }
    }
    this.#again();
  }

  async #renew(startMs: number): Promise<void> {
    const { store, runtime, takenAt } = this.#options;
    this.#count += 1;
    try {
      const call = store.sign(takenAt, this.#newSign());
      await within(runtime.timers, this.#leaseMs / 2, 'the coordinator', call);
      this.#noteFailsafe(false);
      this.#extend(startMs);
    } catch (error) {
      if (isQuorateError(error) && error.code === 'LEASE_LOST') {
        throw error;
      }
      await this.#askMembers(asQuorateError(error));
    }
  }

  /** Only all of them together can take care that nobody else becomes primary. */
  async #askMembers(reason: QuorateError): Promise<void> {
    const { peers, runtime, nodeId, database, term, config } = this.#options;
    const others = config()?.members.filter((member) => member.nodeId !== nodeId) ?? [];
    const startMs = runtime.clock.monotonicMs();
    const calls = others.map((member) => peers.confirm(member, database, term, this.#leaseMs));
    await within(runtime.timers, this.#leaseMs / 4, 'the confirmation of all members', Promise.all(calls));
    this.#noteFailsafe(true, reason);
    this.#extend(startMs);
  }

  #noteFailsafe(isFailsafe: boolean, reason?: QuorateError): void {
    const { runtime, database } = this.#options;
    if (isFailsafe !== this.#isFailsafe) {
      this.#isFailsafe = isFailsafe;
      const message = isFailsafe
        ? 'the coordinator cannot be reached; all members confirm this primary, which goes on'
        : 'the coordinator is back';
      runtime.logger.warn({ database, error: reason?.message }, message);
    }
  }

  #newSign(): LeaderSign {
    const { nodeId, term, local, runtime } = this.#options;
    const tipTxId = local?.position()?.durable.txId ?? 0;
    return { nodeId, term, tipTxId, atMs: runtime.clock.nowMs(), count: this.#count, resigned: false };
  }

  #extend(startMs: number): void {
    const { local, runtime } = this.#options;
    if (this.#ended) {
      return;
    }
    this.#untilMs = this.#leaseFrom(startMs);
    local?.setLease(this.#untilMs);
    this.#expiry?.cancel();
    this.#expiry = runtime.timers.after(this.#untilMs - runtime.clock.monotonicMs(), () => this.#expire());
  }

  /** The writer refuses by itself; whoever follows is to know that nobody leads. */
  #expire(): void {
    const { local, runtime, database, term } = this.#options;
    if (!this.isValid && !this.#ended) {
      runtime.logger.warn(
        { database, term },
        'the lease of this primary has ended: it takes no writes until it has another',
      );
      local?.endStreams();
    }
  }

  /** Nothing is committed any more, from this moment on. */
  withdraw(): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#expiry?.cancel();
    this.#untilMs = -Infinity;
    this.#options.local?.setLease(-Infinity);
  }

  /** Gives the place up in the coordinator. Nothing is committed from the moment of the call. */
  async resign(planned?: PlannedSwitch): Promise<void> {
    const { store, takenAt } = this.#options;
    const last = this.#newSign();
    this.withdraw();
    await this.#signing;
    await store.resign(takenAt, last, planned);
  }

  /** Ends the group with its last member. Nothing is committed from the moment of the call. */
  async dissolve(): Promise<void> {
    const { store, takenAt } = this.#options;
    this.withdraw();
    await this.#signing;
    await store.remove(takenAt);
  }

  /** Ends the reign on this node. */
  async end(): Promise<void> {
    this.withdraw();
    const { local } = this.#options;
    local?.endStreams();
    if (local?.role === 'primary') {
      await local.stepDown();
    }
  }
}
