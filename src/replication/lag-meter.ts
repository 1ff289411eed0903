import type { Clock } from '../runtime/interface.ts';
import type { ReplicationLimits } from './limits.ts';
import type { LagReport } from './types.ts';

/** What an upstream says of its log. */
export interface UpstreamPosition {
  readonly tipTxId: number;
  readonly commitTxId: number;
  /** Bytes of the records up to the tip that it has not sent yet. */
  readonly unsentBytes: number;
  /** Whether it asks for acknowledgements and those of this replica count. */
  readonly counts: boolean;
}

/** Where a replica itself stands. */
export interface OwnPosition {
  readonly durable: number;
  /** What it knows to be committed. */
  readonly commit: number;
  readonly applied: number;
  /** Bytes of the records that are durable and not applied. */
  readonly unappliedBytes: number;
}

/** Heartbeats that may fail to come before the upstream counts as silent. */
const missedHeartbeats = 4;

export function newLagMeter(clock: Clock, { heartbeatIntervalMs }: ReplicationLimits): LagMeter {
  return new LagMeter(clock, heartbeatIntervalMs * missedHeartbeats);
}

/**
 * How far a replica is behind, in transactions, bytes and time. It is behind from the moment it last showed everything its
 * upstream had committed; while it shows all of that it is behind by nothing, unless the upstream has fallen silent: then
 * by the silence. The same is told of what it holds on disk, which a delayed replica has long before it shows it. It goes on
 * measuring while the replica has no connection.
 */
export class LagMeter {
  readonly #clock: Clock;
  readonly #silenceMs: number;
  #upstreamTip = 0;
  #upstreamCommit = 0;
  #own: OwnPosition = { durable: 0, commit: 0, applied: 0, unappliedBytes: 0 };
  #unsentBytes = 0;
  #counts = false;
  /** Bytes that have arrived and are not durable yet. */
  #arrivedBytes = 0;
  #caughtUpAt: number;
  #receivedAllAt: number;
  #heardAt: number;
  #hasHeard = false;
  /** When what was shown was last known to be all that the upstream had committed. */
  #freshAt = -Infinity;

  /** `silenceMs`: an upstream that says nothing for so long may have gone on without us. */
  constructor(clock: Clock, silenceMs: number) {
    this.#clock = clock;
    this.#silenceMs = silenceMs;
    this.#caughtUpAt = clock.monotonicMs();
    this.#heardAt = this.#caughtUpAt;
    this.#receivedAllAt = this.#caughtUpAt;
  }

  /** A stream begins: what the upstream says now counts, also where it has less than before. */
  started(position: UpstreamPosition): void {
    this.#upstreamTip = 0;
    this.#upstreamCommit = 0;
    this.#arrivedBytes = 0;
    this.heard(position);
  }

  heard({ tipTxId, commitTxId, unsentBytes, counts }: UpstreamPosition): void {
    this.#counts = counts;
    this.#unsentBytes = unsentBytes;
    this.#upstreamTip = Math.max(this.#upstreamTip, tipTxId);
    this.#hear(commitTxId);
  }

  /** A message with records has arrived. */
  arrived(sizeBytes: number, commitTxId: number): void {
    this.#unsentBytes = Math.max(0, this.#unsentBytes - sizeBytes);
    this.#arrivedBytes += sizeBytes;
    this.#hear(commitTxId);
  }

  #hear(commitTxId: number): void {
    this.#heardAt = this.#clock.monotonicMs();
    this.#hasHeard = true;
    this.#upstreamCommit = Math.max(this.#upstreamCommit, commitTxId);
    this.#check();
  }

  /** Records that have arrived are durable. */
  stored(sizeBytes: number): void {
    this.#arrivedBytes = Math.max(0, this.#arrivedBytes - sizeBytes);
  }

  /** The replica stands there now. */
  moved(own: OwnPosition): void {
    this.#own = own;
    this.#upstreamCommit = Math.max(this.#upstreamCommit, own.commit);
    this.#check();
  }

  #check(): void {
    if (this.#own.applied >= this.#upstreamCommit) {
      this.#caughtUpAt = this.#heardAt;
      this.#freshAt = this.#hasHeard ? this.#heardAt : this.#freshAt;
    }
    if (this.receivedLagTransactions === 0) {
      this.#receivedAllAt = this.#heardAt;
    }
  }

  /** What is known of the upstream, for another meter: what has arrived is not durable here yet. */
  get upstream(): UpstreamPosition {
    const { upstreamTipTxId: tipTxId } = this;
    return { tipTxId, commitTxId: this.#upstreamCommit, unsentBytes: this.#missingBytes, counts: this.#counts };
  }

  get upstreamTipTxId(): number {
    return this.#upstreamTip;
  }

  get lagTransactions(): number {
    return Math.max(0, this.#upstreamCommit - this.#own.applied);
  }

  /** Of log records; those that the upstream has not committed yet are among them, as long as there are others. */
  get lagBytes(): number {
    return this.lagTransactions === 0 ? 0 : this.receivedLagBytes + this.#own.unappliedBytes;
  }

  get lagMs(): number {
    return this.#since(this.#caughtUpAt, this.lagTransactions);
  }

  /** Unlike `lagMs` it takes nothing for granted: it grows from one word of the upstream to the next. */
  get staleMs(): number {
    return this.#clock.monotonicMs() - this.#freshAt;
  }

  get receivedLagTransactions(): number {
    return Math.max(0, Math.max(this.#upstreamTip, this.#upstreamCommit) - this.#own.durable);
  }

  get receivedLagBytes(): number {
    return this.receivedLagTransactions === 0 ? 0 : this.#missingBytes;
  }

  get receivedLagMs(): number {
    return this.#since(this.#receivedAllAt, this.receivedLagTransactions);
  }

  get #missingBytes(): number {
    return this.#unsentBytes + this.#arrivedBytes;
  }

  #since(moment: number, missing: number): number {
    const silent = this.silenceMs > this.#silenceMs;
    return missing === 0 && !silent ? 0 : this.#clock.monotonicMs() - moment;
  }

  report(): LagReport {
    const { upstreamTipTxId, lagTransactions, lagBytes, lagMs, staleMs } = this;
    const { receivedLagTransactions, receivedLagBytes, receivedLagMs } = this;
    return {
      ...{ upstreamTipTxId, lagTransactions, lagBytes, lagMs, staleMs },
      ...{ receivedLagTransactions, receivedLagBytes, receivedLagMs },
      isSync: this.#counts,
      silenceMs: this.silenceMs,
    };
  }

  /** How long nothing was heard, in milliseconds. */
  get silenceMs(): number {
    return this.#clock.monotonicMs() - this.#heardAt;
  }
}
