import { RawText, type StoredValue } from './byte-reader.ts';
import type { CaptureBuffer } from './capture-buffer.ts';
import { changeFlags, rowItems } from './operation-format.ts';
import type { ColumnShape, TableShape } from './table-shape.ts';
import type { SqlValue } from './types.ts';

/** Whether a string stands for exactly the `octets` bytes that SQLite holds (see `ByteWriter.exactText`). */
function isExact(text: string, octets: number): boolean {
  return (text.length === octets || Buffer.byteLength(text) === octets) && !text.includes('\uFFFD');
}

/** Equal in type and in every byte; strings are compared only when both are exact. */
function sameValue(a: StoredValue, b: StoredValue): boolean {
  if (a === null || typeof a !== 'object') {
    return Object.is(a, b);
  }
  if (a instanceof RawText) {
    return b instanceof RawText && Buffer.compare(a.bytes, b.bytes) === 0;
  }
  return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
}

/** The first two arguments are the table's number and the kind of change. */
const firstValue = 2;

/**
 * Encodes one change from the arguments that a capture trigger passes; `capture-triggers.ts` fixes their order.
 *
 * The *plain* form brings text as string, and for textual columns its length in bytes before it. When some text does
 * not arrive exactly, nothing is written and false returned; the trigger then calls again with the *raw* form, where
 * every text is a blob with a mark before it.
 */
export class RowEncoder {
  readonly #buffer: CaptureBuffer;
  readonly #oldKey: StoredValue[] = [];
  readonly #newKey: StoredValue[] = [];
  readonly #oldKeyOctets: number[] = [];
  readonly #newKeyOctets: number[] = [];
  #arguments: readonly SqlValue[] = [];
  #raw = false;
  #next = firstValue;
  /** Bytes of the text read last; NaN when they were not given. */
  #octets = Number.NaN;
  /** The last change could not be encoded, as some text is not exact. */
  #failed = false;

  constructor(buffer: CaptureBuffer) {
    this.#buffer = buffer;
  }

  /** Encodes a change; `kind` is one of `rowItems`. Returns false if the raw form is needed. */
  encode(table: TableShape, kind: number, values: readonly SqlValue[], raw: boolean, flags: number): boolean {
    this.#arguments = values;
    this.#raw = raw;
    this.#next = firstValue;
    const mark = this.#buffer.mark();
    this.#buffer.selectTable(table);
    const written = kind === rowItems.update ? this.#update(table, flags) : this.#image(table, kind | flags);
    if (!written) {
      this.#buffer.rewind(mark);
      return !this.#failed;
    }
    return true;
  }

  #image(table: TableShape, item: number): boolean {
    this.#failed = true;
    this.#buffer.writer.byte(item);
    for (const column of table.keyColumns) {
      if (!this.#write(this.#read(column, table.keyedByPrimaryKey), this.#octets)) {
        return false;
      }
    }
    for (const column of table.valueColumns) {
      if (!this.#write(this.#read(column, true), this.#octets)) {
        return false;
      }
    }
    return true;
  }

  /** False with `#failed` unset: the update changed nothing. */
  #update(table: TableShape, flags: number): boolean {
    this.#failed = true;
    const rekeyed = this.#readKeys(table);
    if (rekeyed === undefined) {
      return false;
    }
    this.#buffer.writer.byte(rowItems.update | flags | (rekeyed ? changeFlags.rekeyed : 0));
    if (
      !this.#writeKey(this.#oldKey, this.#oldKeyOctets) ||
      (rekeyed && !this.#writeKey(this.#newKey, this.#newKeyOctets))
    ) {
      return false;
    }
    const complete = rekeyed || (flags & changeFlags.unverified) !== 0;
    const changed = this.#changedColumns(table.valueColumns, complete);
    this.#failed = changed === undefined;
    // With stale old values, an update that seems to change nothing may well do so; but it must have something to set.
    const settable = rekeyed || table.valueColumns.length > 0;
    return changed === true || (complete && settable && changed !== undefined);
  }

  /** Reads the old and the new key; returns whether they differ, or undefined if a text is not exact. */
  #readKeys(table: TableShape): boolean | undefined {
    let rekeyed = false;
    for (let i = 0; i < table.keyColumns.length; i++) {
      const column = table.keyColumns[i] as ColumnShape;
      this.#oldKey[i] = this.#read(column, table.keyedByPrimaryKey);
      this.#oldKeyOctets[i] = this.#octets;
      this.#newKey[i] = this.#read(column, table.keyedByPrimaryKey);
      this.#newKeyOctets[i] = this.#octets;
      const same = this.#same(
        this.#oldKey[i] as StoredValue,
        this.#oldKeyOctets[i] as number,
        this.#newKey[i] as StoredValue,
      );
      if (same === undefined) {
        return undefined;
      }
      rekeyed ||= !same;
    }
    this.#oldKey.length = table.keyColumns.length;
    this.#newKey.length = table.keyColumns.length;
    return rekeyed;
  }

  #writeKey(key: readonly StoredValue[], octets: readonly number[]): boolean {
    for (let i = 0; i < key.length; i++) {
      if (!this.#write(key[i] as StoredValue, octets[i] as number)) {
        return false;
      }
    }
    return true;
  }

  /** Writes the bitmap and both values of each changed column. Returns whether any changed, undefined if not exact. */
  #changedColumns(columns: readonly ColumnShape[], complete: boolean): boolean | undefined {
    const writer = this.#buffer.writer;
    const bitmapAt = writer.length;
    for (let i = 0; i < columns.length; i += 8) {
      writer.byte(0);
    }
    let anyChanged = false;
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i] as ColumnShape;
      const before = this.#read(column, true);
      const beforeOctets = this.#octets;
      const after = this.#read(column, true);
      const same = this.#same(before, beforeOctets, after);
      if (same === undefined) {
        return undefined;
      }
      anyChanged ||= !same;
      if (complete || !same) {
        const at = bitmapAt + (i >> 3);
        writer.bytes[at] = (writer.bytes[at] as number) | (1 << (i & 7));
        if (!this.#write(before, beforeOctets) || !this.#write(after, this.#octets)) {
          return undefined;
        }
      }
    }
    return anyChanged;
  }

  /** `#octets` must be those of `after`. Undefined when equal strings hide bytes that JavaScript cannot show. */
  #same(before: StoredValue, beforeOctets: number, after: StoredValue): boolean | undefined {
    if (typeof before !== 'string' || typeof after !== 'string') {
      return sameValue(before, after);
    }
    if (before !== after || beforeOctets !== this.#octets) {
      return false;
    }
    return isExact(before, beforeOctets) ? true : undefined;
  }

  #read(column: ColumnShape, mayBeText: boolean): StoredValue {
    if (!mayBeText) {
      return this.#arguments[this.#next++] as SqlValue;
    }
    if (this.#raw) {
      const isText = this.#arguments[this.#next++] === 1n;
      const value = this.#arguments[this.#next++] as SqlValue;
      return isText ? new RawText(value as Uint8Array) : value;
    }
    this.#octets = column.textual ? Number(this.#arguments[this.#next++]) : Number.NaN;
    return this.#arguments[this.#next++] as SqlValue;
  }

  #write(value: StoredValue, octets: number): boolean {
    if (typeof value === 'string') {
      return !Number.isNaN(octets) && this.#buffer.writer.exactText(value, octets);
    }
    this.#buffer.writer.stored(value);
    return true;
  }
}
