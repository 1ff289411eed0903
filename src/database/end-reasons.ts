import { QuorateError } from '../errors/interface.ts';

/** Transactions of which it is remembered why they ended; the oldest goes first. */
const maxReasons = 100;

/** Why interactive transactions that their clients still believe in have ended. */
export class EndReasons {
  readonly #reasons = new Map<number, QuorateError>();

  note(transaction: number, reason: QuorateError): void {
    this.#reasons.set(transaction, reason);
    const [oldest] = this.#reasons.keys();
    if (this.#reasons.size > maxReasons && oldest !== undefined) {
      this.#reasons.delete(oldest);
    }
  }

  /** What a client is told; the next time only that the transaction has ended. */
  take(transaction: number): QuorateError {
    const reason = this.#reasons.get(transaction);
    this.#reasons.delete(transaction);
    return (
      reason ??
      new QuorateError('TRANSACTION_CLOSED', 'the transaction has ended already', { hint: 'Begin a new one.' })
    );
  }
}
