import type { Clock } from '../runtime/interface.ts';
import type { AckMonitor } from './ack-monitor.ts';
import { type AckGoal, noGoal } from './acks.ts';
import { type Lease, leaseLost } from './lease.ts';
import type { ExecutedTransaction } from './pending-transaction.ts';
import type { SharedPositions } from './shared-positions.ts';
import { leaseEnded, notShown } from './write-errors.ts';

export interface WriteAnswersOptions {
  readonly acks: AckMonitor;
  readonly lease: Lease;
  readonly positions: SharedPositions;
  readonly clock: Clock;
  readonly term: number;
}

/** Tells clients that their transactions are committed: at once, or when enough replicas show them. */
export class WriteAnswers {
  readonly #options: WriteAnswersOptions;
  /** Committed transactions whose clients wait until replicas show them, oldest first. */
  #unshown: { readonly transaction: ExecutedTransaction; readonly sinceMs: number }[] = [];

  constructor(options: WriteAnswersOptions) {
    this.#options = options;
  }

  /** Whether somebody waits for replicas. */
  get areWaiting(): boolean {
    return this.#unshown.length > 0;
  }

  /** What replicas must show for the first of those who wait. */
  get goal(): AckGoal {
    const first = this.#unshown[0]?.transaction;
    return first === undefined ? noGoal : { count: first.pending.acks.applied, txId: first.txId };
  }

  /** Takes what was committed. `logged`: now, and not by an earlier transaction with the same key. */
  committed(executed: readonly ExecutedTransaction[], logged: boolean): void {
    const sinceMs = this.#options.clock.monotonicMs();
    for (const transaction of executed) {
      if (transaction.pending.acks.applied > 0) {
        this.#unshown.push({ transaction, sinceMs });
      } else {
        this.#answer(transaction, sinceMs, logged);
      }
    }
  }

  /** Answers those whose transaction enough replicas show. */
  acknowledged(): void {
    const { acks, clock } = this.#options;
    while (true) {
      const [first] = this.#unshown;
      if (first === undefined || !acks.isApplied(first.transaction.txId, first.transaction.pending.acks.applied)) {
        return;
      }
      this.#unshown.shift();
      first.transaction.pending.trace?.done('applied');
      this.#answer(first.transaction, clock.monotonicMs(), true);
    }
  }

  /** Makes those who wait ask for less. */
  relax(relaxed: (transaction: ExecutedTransaction) => ExecutedTransaction): void {
    this.#unshown = this.#unshown.map(({ transaction, sinceMs }) => ({ transaction: relaxed(transaction), sinceMs }));
  }

  /** Tells those who have waited since before a moment, for longer than `limitMs`. */
  expire(endMs: number, limitMs: number): void {
    const late = this.#unshown.filter(({ sinceMs }) => sinceMs <= endMs);
    this.#unshown = this.#unshown.filter(({ sinceMs }) => sinceMs > endMs);
    for (const { transaction } of late) {
      transaction.pending.fail(notShown(transaction.txId, limitMs));
    }
  }

  /** Those who wait, whom the caller answers. */
  takeWaiting(): ExecutedTransaction[] {
    const waiting = this.#unshown.map(({ transaction }) => transaction);
    this.#unshown = [];
    return waiting;
  }

  /** The process may have been stopped since the commit, so the lease is looked at once more. */
  #answer(
    { pending, results, txId, term = this.#options.term }: ExecutedTransaction,
    nowMs: number,
    logged: boolean,
  ): void {
    const { lease, positions, acks } = this.#options;
    if (!lease.isValid) {
      return pending.fail(logged ? leaseEnded(txId) : leaseLost());
    }
    if (pending.sinceMs !== undefined) {
      positions.timings.observeMs('write', pending.sinceMs, nowMs);
    }
    const holders = acks.holders(txId);
    if (pending.trace === undefined) {
      pending.succeed(term, txId, results, holders);
    } else {
      pending.succeed(term, txId, results, holders, pending.trace.parts);
    }
  }
}
