import type { Clock } from '../runtime/interface.ts';

/**
 * How far a replica is behind, in time. It is behind from the moment it last showed everything its upstream had committed;
 * while it shows all of that it is behind by nothing, unless the upstream has fallen silent: then by the silence.
 */
export class LagMeter {
  readonly #clock: Clock;
  readonly #silenceMs: number;
  #upstreamTip = 0;
  #upstreamCommit = 0;
  #applied = 0;
  #caughtUpAt: number;
  #heardAt: number;

  /** `silenceMs`: an upstream that says nothing for so long may have gone on without us. */
  constructor(clock: Clock, silenceMs: number) {
    this.#clock = clock;
    this.#silenceMs = silenceMs;
    this.#caughtUpAt = clock.monotonicMs();
    this.#heardAt = this.#caughtUpAt;
  }

  heard(tipTxId: number, commitTxId: number): void {
    this.#heardAt = this.#clock.monotonicMs();
    this.#upstreamTip = Math.max(this.#upstreamTip, tipTxId);
    this.#upstreamCommit = Math.max(this.#upstreamCommit, commitTxId);
    this.#check();
  }

  applied(txId: number): void {
    this.#applied = txId;
    this.#check();
  }

  #check(): void {
    if (this.#applied >= this.#upstreamCommit) {
      this.#caughtUpAt = this.#heardAt;
    }
  }

  get upstreamTipTxId(): number {
    return this.#upstreamTip;
  }

  get lagTransactions(): number {
    return Math.max(0, this.#upstreamCommit - this.#applied);
  }

  get lagMs(): number {
    const now = this.#clock.monotonicMs();
    const silent = now - this.#heardAt > this.#silenceMs;
    return this.lagTransactions === 0 && !silent ? 0 : now - this.#caughtUpAt;
  }

  /** How long nothing was heard, in milliseconds. */
  get silenceMs(): number {
    return this.#clock.monotonicMs() - this.#heardAt;
  }
}
