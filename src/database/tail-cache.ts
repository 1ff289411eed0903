import type { TxId } from '../log/interface.ts';
import type { RecordRun } from './types.ts';

/** Largest size of a chunk, unless one batch alone is larger. */
const maxChunkBytes = 64 * 1024;

/** A cache has about this many chunks at least, since it forgets whole ones. */
const minChunks = 8;

/** Batches behind each other in one piece of memory, which is only ever appended to: what was read from it stays true. */
interface Chunk {
  readonly buffer: Uint8Array;
  /** Of each batch its first transaction and its place. */
  readonly firstTxIds: TxId[];
  readonly offsets: number[];
  lastTxId: TxId;
  sizeBytes: number;
}

/**
 * The newest records of a log in memory, for replicas that keep up: they are sent without reading them from disk.
 * Bounded by bytes; the oldest go first. Many small batches share a piece of memory: with one writer there are tens of
 * thousands of them, and as objects of their own they keep the garbage collector busier than everything else.
 */
export class TailCache {
  readonly #limitBytes: number;
  #chunks: Chunk[] = [];
  #sizeBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Copies a batch. One that does not follow on the last one empties the cache first. */
  add({ bytes, firstTxId, lastTxId }: RecordRun): void {
    const last = this.#chunks.at(-1);
    if (last !== undefined && last.lastTxId + 1 !== firstTxId) {
      this.clear();
    }
    const chunk = this.#chunkFor(bytes.length);
    chunk.buffer.set(bytes, chunk.sizeBytes);
    chunk.firstTxIds.push(firstTxId);
    chunk.offsets.push(chunk.sizeBytes);
    chunk.sizeBytes += bytes.length;
    chunk.lastTxId = lastTxId;
    this.#sizeBytes += bytes.length;
    this.#dropOldest();
  }

  #chunkFor(sizeBytes: number): Chunk {
    const last = this.#chunks.at(-1);
    if (last !== undefined && last.sizeBytes + sizeBytes <= last.buffer.length) {
      return last;
    }
    const capacity = Math.max(sizeBytes, Math.min(maxChunkBytes, Math.floor(this.#limitBytes / minChunks)));
    const chunk = { buffer: new Uint8Array(capacity), firstTxIds: [], offsets: [], lastTxId: 0, sizeBytes: 0 };
    this.#chunks.push(chunk);
    return chunk;
  }

  #dropOldest(): void {
    while (this.#sizeBytes > this.#limitBytes) {
      this.#sizeBytes -= this.#chunks.shift()?.sizeBytes ?? 0;
    }
  }

  clear(): void {
    this.#chunks = [];
    this.#sizeBytes = 0;
  }

  /**
   * Batches from the one that starts exactly at `fromTxId` on, none beyond `throughTxId`, up to about `maxBytes` but at
   * least one; or undefined. May end earlier, with a chunk.
   */
  read(fromTxId: TxId, throughTxId: TxId, maxBytes: number): RecordRun | undefined {
    const chunk = this.#chunks.findLast(({ firstTxIds }) => (firstTxIds[0] ?? 0) <= fromTxId);
    const start = chunk === undefined ? -1 : indexOf(chunk.firstTxIds, fromTxId);
    if (chunk === undefined || start < 0) {
      return undefined;
    }
    const from = chunk.offsets[start] ?? 0;
    let end = start;
    while (lastTxIdOf(chunk, end) <= throughTxId && (end === start || endOf(chunk, end) - from <= maxBytes)) {
      end += 1;
    }
    return end === start
      ? undefined
      : {
          bytes: chunk.buffer.subarray(from, endOf(chunk, end - 1)),
          firstTxId: fromTxId,
          lastTxId: lastTxIdOf(chunk, end - 1),
        };
  }
}

/** The last transaction of a batch; infinite where there is none. */
function lastTxIdOf(chunk: Chunk, index: number): number {
  if (index >= chunk.offsets.length) {
    return Number.POSITIVE_INFINITY;
  }
  return (chunk.firstTxIds[index + 1] ?? chunk.lastTxId + 1) - 1;
}

/** Where a batch ends in its chunk. */
function endOf(chunk: Chunk, index: number): number {
  return chunk.offsets[index + 1] ?? chunk.sizeBytes;
}

/** Binary search for `wanted` in numbers that grow; -1 when it is not there. */
function indexOf(numbers: readonly number[], wanted: number): number {
  let low = 0;
  let high = numbers.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = numbers[middle] ?? 0;
    if (found === wanted) {
      return middle;
    }
    if (found < wanted) {
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return -1;
}
