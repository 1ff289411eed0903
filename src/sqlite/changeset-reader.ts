import { QuorateError } from '../errors/interface.ts';
import { RawText, type StoredValue } from './byte-reader.ts';

/** One change of a changeset. Columns that an update leaves alone are undefined in both images. */
export interface ChangesetChange {
  readonly table: string;
  readonly operation: 'insert' | 'update' | 'delete';
  /** For each column its place in the primary key, from 1, or 0. */
  readonly keyPlaces: Uint8Array;
  readonly before: readonly (StoredValue | undefined)[];
  readonly after: readonly (StoredValue | undefined)[];
}

const tableMark = 0x54;
const operations: Readonly<Record<number, ChangesetChange['operation']>> = { 18: 'insert', 23: 'update', 9: 'delete' };

/**
 * Reads the changesets of SQLite's session extension.
 * Format: https://www.sqlite.org/session/c_changeset_format.html and the comments of sqlite3session.c.
 */
export class ChangesetReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(changeset: Uint8Array) {
    this.#bytes = Buffer.from(changeset.buffer, changeset.byteOffset, changeset.length);
  }

  *changes(): Generator<ChangesetChange> {
    let table = '';
    let keyPlaces: Uint8Array = new Uint8Array();
    while (this.#offset < this.#bytes.length) {
      const mark = this.#byte();
      if (mark === tableMark) {
        keyPlaces = this.#take(this.#varint());
        table = this.#terminatedName();
        continue;
      }
      const operation = operations[mark];
      if (operation === undefined) {
        throw new QuorateError('INTERNAL', `unknown operation ${mark} in a changeset`);
      }
      this.#byte();
      const before = operation === 'insert' ? [] : this.#record(keyPlaces.length);
      const after = operation === 'delete' ? [] : this.#record(keyPlaces.length);
      yield { table, operation, keyPlaces, before, after };
    }
  }

  #record(columns: number): (StoredValue | undefined)[] {
    return Array.from({ length: columns }, () => this.#value());
  }

  #value(): StoredValue | undefined {
    switch (this.#byte()) {
      case 0:
        return undefined;
      case 1:
        return this.#take(8).readBigInt64BE();
      case 2:
        return this.#take(8).readDoubleBE();
      case 3:
        return new RawText(this.#take(this.#varint()));
      case 4:
        return this.#take(this.#varint());
      default:
        return null;
    }
  }

  /** SQLite's own varint: big-endian groups of seven bits. Lengths need at most five bytes. */
  #varint(): number {
    let value = 0;
    for (;;) {
      const byte = this.#byte();
      value = value * 128 + (byte & 127);
      if (byte < 128) {
        return value;
      }
    }
  }

  #terminatedName(): string {
    const end = this.#bytes.indexOf(0, this.#offset);
    const name = this.#bytes.toString('utf8', this.#offset, end);
    this.#offset = end + 1;
    return name;
  }

  #byte(): number {
    return this.#bytes[this.#offset++] as number;
  }

  #take(length: number): Buffer {
    const start = this.#offset;
    this.#offset += length;
    return this.#bytes.subarray(start, this.#offset);
  }
}
