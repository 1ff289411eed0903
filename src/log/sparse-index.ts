import type { TxId } from './types.ts';

/** Distance between two entries: what a seek has to read at most, give or take a frame. */
const spacingBytes = 64 * 1024;

/** Exact places kept for those who read on where they stopped, usually replicas at the tip. */
const rememberedLimit = 64;

/** Where in a segment file frames begin: one for about every 64 KiB, and those that readers will ask for next. */
export class SparseIndex {
  /** Ascending in both columns. */
  readonly #txIds: TxId[] = [];
  readonly #offsets: number[] = [];
  /** Oldest first. */
  readonly #remembered = new Map<TxId, number>();

  /** Learns that the frame at `offset` begins with `txId`. */
  add(txId: TxId, offset: number): void {
    const last = this.#offsets.at(-1);
    if (last === undefined || offset >= last + spacingBytes) {
      this.#txIds.push(txId);
      this.#offsets.push(offset);
    }
  }

  /** Notes that `txId`, once it is written, begins at `offset`. */
  remember(txId: TxId, offset: number): void {
    this.#remembered.delete(txId);
    this.#remembered.set(txId, offset);
    if (this.#remembered.size > rememberedLimit) {
      const [oldest] = this.#remembered.keys();
      this.#remembered.delete(oldest as TxId);
    }
  }

  /** The best known place at which to begin to look for `txId`. */
  startFor(txId: TxId): number | undefined {
    return this.#remembered.get(txId) ?? this.#offsets[this.#entryFor(txId)];
  }

  /** Index of the last entry that is not above `txId`, or -1. */
  #entryFor(txId: TxId): number {
    let low = 0;
    let high = this.#txIds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#txIds[middle] as TxId) <= txId) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low - 1;
  }
}
