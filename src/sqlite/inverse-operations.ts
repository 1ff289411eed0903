import { ByteReader, type StoredValue } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { changeFlags, operationKinds, rowItems, tableFlags } from './operation-format.ts';
import { listOperations } from './operation-list.ts';
import { type RowChange, RowChangeReader, type TableReference } from './row-change-reader.ts';

const noLimit = Number.POSITIVE_INFINITY;

/** Kinds that change no rows of users. */
const withoutContent: ReadonlySet<number> = new Set([
  operationKinds.termStart,
  operationKinds.marker,
  operationKinds.key,
]);

/** A change that stays as it is while others are read. */
interface KeptChange extends Pick<RowChange, 'kind' | 'flags' | 'key' | 'newKey' | 'changed' | 'before' | 'after'> {
  readonly table: TableReference;
}

/**
 * The operations that take others back: the inverse of each row change, the last one first. They lead to exactly the content
 * before, since every change carries the old values. Undefined when that cannot be told from the operations: they change the
 * schema, sqlite_sequence or a pragma, or a change may have replaced rows that it does not name.
 */
export function inverseOperations(operations: Uint8Array): Uint8Array | undefined {
  const parts = [...listOperations(operations)].filter(({ kind }) => !withoutContent.has(kind));
  const result = new ByteWriter(noLimit);
  for (const { kind, payload } of parts.reverse()) {
    const inverse = kind === operationKinds.rows ? inverseRows(payload) : undefined;
    if (inverse === undefined) {
      return undefined;
    }
    result.byte(operationKinds.rows);
    result.sizedBytes(inverse);
  }
  return Uint8Array.from(result.bytes.subarray(0, result.length));
}

function inverseRows(payload: Uint8Array): Uint8Array | undefined {
  const changes: KeptChange[] = [];
  const reader = new RowChangeReader();
  reader.open(new ByteReader(payload));
  while (reader.next()) {
    if ((reader.flags & (changeFlags.replace | changeFlags.unverified)) !== 0) {
      return undefined;
    }
    const { kind, flags, key, newKey, changed, before, after } = reader;
    const table = reader.table as TableReference;
    changes.push({
      table,
      kind,
      flags,
      key: [...key],
      newKey: [...newKey],
      changed: [...changed],
      before: [...before],
      after: [...after],
    });
  }
  const writer = new InverseWriter();
  for (const change of changes.reverse()) {
    writer.add(change);
  }
  return writer.payload;
}

/** Writes the inverse of changes as a rows payload. */
class InverseWriter {
  readonly #writer = new ByteWriter(noLimit);
  readonly #tables = new Map<TableReference, number>();
  #current: TableReference | undefined;

  get payload(): Uint8Array {
    return this.#writer.bytes.subarray(0, this.#writer.length);
  }

  add(change: KeptChange): void {
    this.#select(change.table);
    switch (change.kind) {
      case rowItems.insert:
        return this.#image(rowItems.delete, change.key, change.after);
      case rowItems.delete:
        return this.#image(rowItems.insert, change.key, change.before);
      default:
        return this.#update(change);
    }
  }

  #select(table: TableReference): void {
    if (table === this.#current) {
      return;
    }
    this.#current = table;
    const index = this.#tables.get(table);
    if (index !== undefined) {
      this.#writer.byte(rowItems.switchTable);
      this.#writer.varint(index);
      return;
    }
    this.#tables.set(table, this.#tables.size);
    this.#writer.byte(rowItems.table);
    this.#writer.name(table.name);
    this.#writer.byte(
      (table.keyedByPrimaryKey ? tableFlags.keyedByPrimaryKey : 0) | (table.shadow ? tableFlags.shadow : 0),
    );
    this.#writer.varint(table.keyCount);
    this.#writer.varint(table.valueCount);
  }

  #image(item: number, key: readonly StoredValue[], values: readonly StoredValue[]): void {
    this.#writer.byte(item);
    this.#values(key);
    this.#values(values);
  }

  #update({ table, flags, key, newKey, changed, before, after }: KeptChange): void {
    const rekeyed = (flags & changeFlags.rekeyed) !== 0;
    this.#writer.byte(rowItems.update | flags);
    this.#values(rekeyed ? newKey : key);
    this.#values(rekeyed ? key : []);
    const bitmap = new Uint8Array((table.valueCount + 7) >> 3);
    for (const column of changed) {
      bitmap[column >> 3] = (bitmap[column >> 3] ?? 0) | (1 << (column & 7));
    }
    this.#writer.raw(bitmap);
    for (let i = 0; i < changed.length; i++) {
      this.#values([after[i] as StoredValue, before[i] as StoredValue]);
    }
  }

  #values(values: readonly StoredValue[]): void {
    for (const value of values) {
      this.#writer.stored(value);
    }
  }
}
