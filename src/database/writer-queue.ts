import type { QuorateError } from '../errors/interface.ts';
import { type AckRule, lowerOf } from './acks.ts';
import type { PendingTransaction } from './pending-transaction.ts';
import type { Call } from './writer-role.ts';

/** What waits for the writer of a primary. The number and the bytes of what one client sends are bounded where it sends. */
export type Queued = {
  /** By the monotonic clock. */
  readonly sinceMs: number;
} & (
  | { readonly kind: 'transact'; readonly pending: PendingTransaction }
  | { readonly kind: 'begin'; readonly call: Call; readonly foreignKeys: boolean }
  | { readonly kind: 'marker'; readonly call: Call; readonly marker: Uint8Array }
);

/** Consumed entries that are kept before the array is cut. */
const compactionThreshold = 4096;

/** Requests in the order in which they came. */
export class WriterQueue {
  #entries: Queued[] = [];
  #head = 0;

  get isEmpty(): boolean {
    return this.#head === this.#entries.length;
  }

  push(entry: Queued): void {
    this.#entries.push(entry);
  }

  get first(): Queued | undefined {
    return this.#entries[this.#head];
  }

  shift(): Queued | undefined {
    const entry = this.#entries[this.#head];
    if (entry !== undefined) {
      this.#head += 1;
      this.#compact();
    }
    return entry;
  }

  /** The next transaction that fits a group; undefined before what needs the writer for itself. */
  shiftTransaction(): PendingTransaction | undefined {
    const entry = this.first;
    if (entry?.kind !== 'transact') {
      return undefined;
    }
    this.shift();
    return entry.pending;
  }

  /** From now on no transaction that waits asks for more than this. */
  relax(rule: AckRule): void {
    const relaxed = (pending: PendingTransaction) => ({ ...pending, acks: lowerOf(pending.acks, rule) });
    this.#entries = this.#entries
      .slice(this.#head)
      .map((entry) => (entry.kind === 'transact' ? { ...entry, pending: relaxed(entry.pending) } : entry));
    this.#head = 0;
  }

  failAll(error: QuorateError): void {
    this.failOlderThan(Number.POSITIVE_INFINITY, error);
  }

  /** Fails what has waited since `sinceMs` or longer. */
  failOlderThan(sinceMs: number, error: QuorateError): void {
    for (let entry = this.first; entry !== undefined && entry.sinceMs <= sinceMs; entry = this.first) {
      this.shift();
      (entry.kind === 'transact' ? entry.pending : entry.call).fail(error);
    }
  }

  #compact(): void {
    if (this.isEmpty) {
      this.#entries = [];
      this.#head = 0;
    } else if (this.#head > compactionThreshold) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}
