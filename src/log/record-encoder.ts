import { assertInvariant } from '../errors/interface.ts';
import { chainDigest, hashSizeBytes, recordSizeOf, viewOf, writeRecordBody } from './record.ts';
import type { LogPosition, RecordFields } from './types.ts';

const initialSizeBytes = 64 * 1024;

/** A buffer that one huge transaction made grow beyond this is given back at the next `reset`. */
const keptSizeBytes = 1024 * 1024;

/**
 * Encodes the records of one group commit behind each other, each chained on the one before.
 *
 * The buffer starts with the hash before the first record. So every record has the previous hash directly in front of
 * it, and its hash is taken over one piece of memory.
 */
export class RecordEncoder {
  #buffer = Buffer.allocUnsafeSlow(initialSizeBytes);
  #view = viewOf(this.#buffer);
  #length = hashSizeBytes;
  #count = 0;
  #txId = 0;
  #term = 0;

  constructor(after: LogPosition) {
    this.reset(after);
  }

  /** The records so far, behind each other; valid until the next `add` or `reset`. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(hashSizeBytes, this.#length);
  }

  get count(): number {
    return this.#count;
  }

  /** The position after the last record. */
  get end(): LogPosition {
    const hash = Buffer.from(this.#buffer.subarray(this.#length - hashSizeBytes, this.#length));
    return { txId: this.#txId, term: this.#term, hash };
  }

  /** Appends one record and returns its size in bytes. @throws QuorateError TRANSACTION_TOO_LARGE */
  add(fields: RecordFields): number {
    assertInvariant(fields.txId === this.#txId + 1, 'transaction ids have no gaps');
    assertInvariant(fields.term >= this.#term, 'terms never decrease');
    const start = this.#length;
    const sizeBytes = recordSizeOf(fields);
    this.#reserve(start + sizeBytes);
    writeRecordBody(this.#buffer, this.#view, start, fields);
    const end = start + sizeBytes;
    const hash = chainDigest(this.#buffer.subarray(start - hashSizeBytes, end - hashSizeBytes));
    this.#buffer.write(hash, end - hashSizeBytes, hashSizeBytes, 'latin1');
    this.#length = end;
    this.#count += 1;
    this.#txId = fields.txId;
    this.#term = fields.term;
    return sizeBytes;
  }

  /** Forgets all records; the next one follows on `after`. */
  reset(after: LogPosition): void {
    assertInvariant(after.hash.length === hashSizeBytes, 'a chain hash has 32 bytes');
    if (this.#buffer.length > keptSizeBytes) {
      this.#buffer = Buffer.allocUnsafeSlow(initialSizeBytes);
      this.#view = viewOf(this.#buffer);
    }
    this.#buffer.set(after.hash, 0);
    this.#length = hashSizeBytes;
    this.#count = 0;
    this.#txId = after.txId;
    this.#term = after.term;
  }

  #reserve(sizeBytes: number): void {
    if (sizeBytes <= this.#buffer.length) {
      return;
    }
    const larger = Buffer.allocUnsafeSlow(Math.max(sizeBytes, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
    this.#view = viewOf(larger);
  }
}
