import type { LogPosition, RecordBatch } from '../log/interface.ts';

/**
 * The newest records of a log in memory, for replicas that keep up: they are sent without reading them from disk.
 * Bounded by bytes; the oldest batches go first.
 */
export class TailCache {
  readonly #limitBytes: number;
  #batches: RecordBatch[] = [];
  #sizeBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  add(batch: RecordBatch): void {
    const last = this.#batches.at(-1);
    if (last !== undefined && last.lastTxId + 1 !== batch.firstTxId) {
      this.clear();
    }
    this.#batches.push(batch);
    this.#sizeBytes += batch.bytes.length;
    let dropped = 0;
    while (this.#sizeBytes > this.#limitBytes && dropped < this.#batches.length) {
      this.#sizeBytes -= this.#batches[dropped]?.bytes.length ?? 0;
      dropped += 1;
    }
    this.#batches.splice(0, dropped);
  }

  clear(): void {
    this.#batches = [];
    this.#sizeBytes = 0;
  }

  /** Batches that start exactly at `fromTxId` and end at or before `throughTxId`, up to about `maxBytes`; or undefined. */
  read(fromTxId: number, throughTxId: number, maxBytes: number): RecordBatch | undefined {
    const start = this.#indexOf(fromTxId);
    const taken: RecordBatch[] = [];
    let bytes = 0;
    for (let index = start; index >= 0 && index < this.#batches.length; index += 1) {
      const batch = this.#batches[index];
      if (batch === undefined || batch.lastTxId > throughTxId || (bytes > 0 && bytes + batch.bytes.length > maxBytes)) {
        break;
      }
      taken.push(batch);
      bytes += batch.bytes.length;
    }
    return join(taken);
  }

  /** Binary search for the batch that starts at `txId`; -1 when none does. */
  #indexOf(txId: number): number {
    let low = 0;
    let high = this.#batches.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const firstTxId = this.#batches[middle]?.firstTxId ?? 0;
      if (firstTxId === txId) {
        return middle;
      }
      if (firstTxId < txId) {
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return -1;
  }
}

function join(batches: readonly RecordBatch[]): RecordBatch | undefined {
  const first = batches[0];
  const last = batches.at(-1);
  if (first === undefined || last === undefined || first === last) {
    return first;
  }
  const end: LogPosition = last.end;
  const bytes = Buffer.concat(batches.map((batch) => batch.bytes));
  return { bytes, firstTxId: first.firstTxId, lastTxId: last.lastTxId, end };
}
