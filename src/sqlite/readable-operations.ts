import { ByteReader } from './byte-reader.ts';
import { decodeKey } from './idempotency-keys.ts';
import { operationKinds, rowItems } from './operation-format.ts';
import { listOperations } from './operation-list.ts';
import { type RowChange, RowChangeReader, type TableReference } from './row-change-reader.ts';
import { type ReadableValue, readableValues } from './row-image.ts';
import type { TableCatalogue } from './table-catalogue.ts';
import type { ColumnShape, TableShape } from './table-shape.ts';

type ReadableValues = Readonly<Record<string, ReadableValue>>;

/** One change for people and programs; docs/divergence.md describes it. */
export type ReadableChange =
  | {
      readonly kind: 'insert' | 'update' | 'delete';
      readonly table: string;
      readonly key: ReadableValues;
      /** Of an update that gives the row another key. */
      readonly newKey?: ReadableValues;
      /** Old values: all of a deleted row, the changed ones of an update. */
      readonly before?: ReadableValues;
      /** New values: all of an inserted row, the changed ones of an update. */
      readonly after?: ReadableValues;
    }
  | { readonly kind: 'schema'; readonly sql: string }
  | { readonly kind: 'key'; readonly idempotencyKey: string }
  | { readonly kind: 'sequences' | 'pragma' | 'term-start' | 'marker' };

const plainKinds = new Map<number, 'pragma' | 'term-start' | 'marker'>([
  [operationKinds.pragma, 'pragma'],
  [operationKinds.termStart, 'term-start'],
  [operationKinds.marker, 'marker'],
]);

/** What operations did. Columns have the names that they have now; a column that is gone has a number. */
export function* readableOperations(operations: Uint8Array, catalogue: TableCatalogue): Generator<ReadableChange> {
  for (const { kind, payload } of listOperations(operations)) {
    switch (kind) {
      case operationKinds.rows:
        yield* readableRows(payload, catalogue);
        break;
      case operationKinds.schema:
        yield { kind: 'schema', sql: Buffer.from(payload).toString() };
        break;
      case operationKinds.key:
        yield { kind: 'key', idempotencyKey: decodeKey(new ByteReader(payload)).key };
        break;
      default:
        yield { kind: plainKinds.get(kind) ?? 'sequences' };
    }
  }
}

function* readableRows(payload: Uint8Array, catalogue: TableCatalogue): Generator<ReadableChange> {
  const change = new RowChangeReader();
  change.open(new ByteReader(payload));
  while (change.next()) {
    const reference = change.table as TableReference;
    yield readableRow(reference, catalogue.current.tables.get(reference.name), change);
  }
}

function readableRow(
  { name: table }: TableReference,
  shape: TableShape | undefined,
  change: RowChange,
): ReadableChange {
  const keys = shape?.keyColumns ?? [];
  const values = shape?.valueColumns ?? [];
  const key = readableValues(keys, change.key);
  switch (change.kind) {
    case rowItems.insert:
      return { kind: 'insert', table, key, after: readableValues(values, change.after) };
    case rowItems.delete:
      return { kind: 'delete', table, key, before: readableValues(values, change.before) };
    default: {
      const changed = change.changed.map((i) => values[i] ?? ({ name: `column ${i + 1}` } as ColumnShape));
      const newKey = change.newKey.length === 0 ? {} : { newKey: readableValues(keys, change.newKey) };
      const before = readableValues(changed, change.before);
      return { kind: 'update', table, key, ...newKey, before, after: readableValues(changed, change.after) };
    }
  }
}
