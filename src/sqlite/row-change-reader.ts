import { ByteReader, malformed, type StoredValue } from './byte-reader.ts';
import { changeFlags, rowItemKindMask, rowItems, tableFlags } from './operation-format.ts';

/** A table as a rows payload names it. */
export interface TableReference {
  readonly name: string;
  readonly keyedByPrimaryKey: boolean;
  readonly shadow: boolean;
  readonly keyCount: number;
  readonly valueCount: number;
}

/** One change of a row. */
export interface RowChange {
  /** One of `rowItems`. */
  readonly kind: number;
  readonly flags: number;
  readonly key: readonly StoredValue[];
  /** The key after the change; empty unless the `rekeyed` flag is set. */
  readonly newKey: readonly StoredValue[];
  /** Positions of the value columns that an update carries. */
  readonly changed: readonly number[];
  /** The bitmap of `changed` as text, to find a prepared statement by. */
  readonly changedKey: string;
  /** Old values of a delete (all columns) or an update (the changed ones). */
  readonly before: readonly StoredValue[];
  /** New values of an insert (all columns) or an update (the changed ones). */
  readonly after: readonly StoredValue[];
}

const knownFlags = changeFlags.replace | changeFlags.unverified | changeFlags.rekeyed;

/**
 * Reads the changes of a rows payload one by one into its own fields, which the next change overwrites: applying
 * changes is a hot path.
 */
export class RowChangeReader implements RowChange {
  #reader: ByteReader = new ByteReader(new Uint8Array());
  readonly #tables: TableReference[] = [];
  /** The table of the change read last. */
  table: TableReference | undefined;
  /** Where the change read last starts. */
  start = 0;
  kind: number = rowItems.insert;
  flags = 0;
  readonly key: StoredValue[] = [];
  readonly newKey: StoredValue[] = [];
  readonly changed: number[] = [];
  changedKey = '';
  readonly before: StoredValue[] = [];
  readonly after: StoredValue[] = [];

  /** Starts with a rows payload: what `reader` has from its offset to its end. */
  open(reader: ByteReader): void {
    this.#reader = reader;
    this.#tables.length = 0;
    this.table = undefined;
  }

  /** Reads the next change; false at the end. @throws QuorateError PROTOCOL_ERROR */
  next(): boolean {
    while (!this.#reader.done) {
      this.start = this.#reader.offset;
      const item = this.#reader.byte();
      if (item === rowItems.table) {
        this.#nameTable();
      } else if (item === rowItems.switchTable) {
        this.table = this.#tables[this.#reader.varint()];
      } else {
        this.#change(item);
        return true;
      }
    }
    return false;
  }

  /** Reads again a change that was read before. */
  rereadAt(table: TableReference, start: number): void {
    const { offset } = this.#reader;
    const current = this.table;
    this.#reader.offset = start;
    this.table = table;
    this.start = start;
    this.#change(this.#reader.byte());
    this.#reader.offset = offset;
    this.table = current;
  }

  #nameTable(): void {
    const name = this.#reader.name();
    const flags = this.#reader.byte();
    this.table = {
      name,
      keyedByPrimaryKey: (flags & tableFlags.keyedByPrimaryKey) !== 0,
      shadow: (flags & tableFlags.shadow) !== 0,
      keyCount: this.#reader.varint(),
      valueCount: this.#reader.varint(),
    };
    this.#tables.push(this.table);
  }

  #change(item: number): void {
    const { table } = this;
    this.kind = item & rowItemKindMask;
    this.flags = item & ~rowItemKindMask;
    if (table === undefined || (this.flags & ~knownFlags) !== 0) {
      throw malformed(table === undefined ? 'a change names no table' : `unknown item ${item} among row changes`);
    }
    this.#values(this.key, table.keyCount);
    switch (this.kind) {
      case rowItems.insert:
        return this.#values(this.after, table.valueCount);
      case rowItems.delete:
        return this.#values(this.before, table.valueCount);
      case rowItems.update:
        return this.#update(table);
      default:
        throw malformed(`unknown item ${item} among row changes`);
    }
  }

  #update(table: TableReference): void {
    this.#values(this.newKey, (this.flags & changeFlags.rekeyed) === 0 ? 0 : table.keyCount);
    const bitmap = this.#reader.view((table.valueCount + 7) >> 3);
    this.changedKey = bitmap.toString('latin1');
    this.changed.length = 0;
    this.before.length = 0;
    this.after.length = 0;
    for (let i = 0; i < table.valueCount; i++) {
      if (((bitmap[i >> 3] as number) & (1 << (i & 7))) !== 0) {
        this.changed.push(i);
        this.before.push(this.#reader.value());
        this.after.push(this.#reader.value());
      }
    }
  }

  #values(target: StoredValue[], count: number): void {
    for (let i = 0; i < count; i++) {
      target[i] = this.#reader.value();
    }
    target.length = count;
  }
}
