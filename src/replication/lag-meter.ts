import type { Clock } from '../runtime/interface.ts';

/**
 * How far a replica is behind, in time. It is behind from the moment it last showed everything its upstream had committed;
 * while it shows all of that it is behind by nothing, unless the upstream has fallen silent: then by the silence. The same is
 * told of what it holds on disk, which a delayed replica has long before it shows it.
 */
export class LagMeter {
  readonly #clock: Clock;
  readonly #silenceMs: number;
  #upstreamTip = 0;
  #upstreamCommit = 0;
  #applied = 0;
  #received = 0;
  #caughtUpAt: number;
  #receivedAllAt: number;
  #heardAt: number;

  /** `silenceMs`: an upstream that says nothing for so long may have gone on without us. */
  constructor(clock: Clock, silenceMs: number) {
    this.#clock = clock;
    this.#silenceMs = silenceMs;
    this.#caughtUpAt = clock.monotonicMs();
    this.#heardAt = this.#caughtUpAt;
    this.#receivedAllAt = this.#caughtUpAt;
  }

  heard(tipTxId: number, commitTxId: number): void {
    this.#heardAt = this.#clock.monotonicMs();
    this.#upstreamTip = Math.max(this.#upstreamTip, tipTxId);
    this.#upstreamCommit = Math.max(this.#upstreamCommit, commitTxId);
    this.#check();
  }

  /** The upstream has committed at least this much, as the log here knows without having heard of it now. */
  committed(txId: number): void {
    this.#upstreamCommit = Math.max(this.#upstreamCommit, txId);
    this.#check();
  }

  applied(txId: number): void {
    this.#applied = txId;
    this.#check();
  }

  /** Everything up to this transaction is on disk here. */
  received(txId: number): void {
    this.#received = txId;
    this.#check();
  }

  #check(): void {
    if (this.#applied >= this.#upstreamCommit) {
      this.#caughtUpAt = this.#heardAt;
    }
    if (this.receivedLagTransactions === 0) {
      this.#receivedAllAt = this.#heardAt;
    }
  }

  get upstreamTipTxId(): number {
    return this.#upstreamTip;
  }

  get lagTransactions(): number {
    return Math.max(0, this.#upstreamCommit - this.#applied);
  }

  get lagMs(): number {
    return this.#since(this.#caughtUpAt, this.lagTransactions);
  }

  get receivedLagTransactions(): number {
    return Math.max(0, Math.max(this.#upstreamTip, this.#upstreamCommit) - this.#received);
  }

  get receivedLagMs(): number {
    return this.#since(this.#receivedAllAt, this.receivedLagTransactions);
  }

  #since(moment: number, missing: number): number {
    const silent = this.silenceMs > this.#silenceMs;
    return missing === 0 && !silent ? 0 : this.#clock.monotonicMs() - moment;
  }

  /** How long nothing was heard, in milliseconds. */
  get silenceMs(): number {
    return this.#clock.monotonicMs() - this.#heardAt;
  }
}
