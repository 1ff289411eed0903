import type { DatabaseSync } from 'node:sqlite';
import type { StoredValue } from './byte-reader.ts';
import { changeFlags, rowItems } from './operation-format.ts';
import type { RowChange } from './row-change-reader.ts';
import { readableValues } from './row-image.ts';
import type { RepairedRow } from './row-repair.ts';
import { mapSqliteError } from './sqlite-errors.ts';
import { readRow, readRowWith, type StoredRow } from './stored-rows.ts';
import type { TableShape } from './table-shape.ts';
import { type TableWriter, wholeRow } from './table-writer.ts';

/** A row that was not as it was on the primary when a record changed it. */
export interface ToleratedRow extends RepairedRow {
  readonly table: string;
}

/** Told of each row that a change found wrong. */
export type Tolerate = (row: ToleratedRow) => void;

/**
 * Makes a change although the rows are not as they were on the primary: afterwards the row is as the change leaves it, as far
 * as the change tells, and whatever was in the way is gone. A row that an update does not find stays missing. What is still
 * wrong then, a comparison with the upstream finds.
 * @throws QuorateError CONSTRAINT_VIOLATION when what is in the way cannot be found
 */
export function forceChange(
  db: DatabaseSync,
  table: TableShape,
  writer: TableWriter,
  change: RowChange,
): ToleratedRow[] {
  const found = readRow(db, table, change.key);
  const after = resultOf(table, change, found);
  const inTheWay = isRekeyed(change) ? readRow(db, table, change.newKey) : undefined;
  const others = inTheWay === undefined ? [] : [inTheWay];
  for (const row of [found, inTheWay]) {
    if (row !== undefined) {
      writer.apply(wholeRow(rowItems.delete, row));
    }
  }
  if (after !== undefined) {
    others.push(...insertOver(db, table, writer, after));
  }
  const changed = { table: table.name, key: readableKey(table, change.key), ...images(table, found, after) };
  return [changed, ...others.map((row) => gone(table, row))];
}

function isRekeyed({ flags }: RowChange): boolean {
  return (flags & changeFlags.rekeyed) !== 0;
}

/** The row after the change; undefined when there is to be none, or when the change does not tell all of it. */
function resultOf(table: TableShape, change: RowChange, found: StoredRow | undefined): StoredRow | undefined {
  if (change.kind === rowItems.insert) {
    return { key: [...change.key], values: [...change.after] };
  }
  const isWhole = change.changed.length === table.valueColumns.length;
  if (change.kind === rowItems.delete || (found === undefined && !isWhole)) {
    return undefined;
  }
  const values: StoredValue[] = [...(found?.values ?? change.after)];
  for (const [i, column] of change.changed.entries()) {
    values[column] = change.after[i] as StoredValue;
  }
  return { key: isRekeyed(change) ? [...change.newKey] : [...change.key], values };
}

/** Inserts a row and deletes those that it clashes with, which are returned. It ends, since each turn takes a row away. */
function insertOver(db: DatabaseSync, table: TableShape, writer: TableWriter, row: StoredRow): StoredRow[] {
  for (const removed: StoredRow[] = []; ; ) {
    try {
      writer.apply(wholeRow(rowItems.insert, row));
      return removed;
    } catch (error) {
      const clashing = clashingRow(db, table, row, mapSqliteError(error).message);
      if (clashing === undefined) {
        throw error;
      }
      writer.apply(wholeRow(rowItems.delete, clashing));
      removed.push(clashing);
    }
  }
}

/** The row that has the values that are to be unique, by the columns that SQLite names: `UNIQUE constraint failed: t.a, t.b`. */
function clashingRow(db: DatabaseSync, table: TableShape, row: StoredRow, message: string): StoredRow | undefined {
  const [, list = ''] = /UNIQUE constraint failed: (.+)$/.exec(message) ?? [];
  const columns = [...table.keyColumns, ...table.valueColumns];
  const values = [...row.key, ...row.values];
  const indexes = list
    .split(', ')
    .map((name) => columns.findIndex((column) => `${table.name}.${column.name}` === name));
  if (indexes.includes(-1)) {
    return undefined;
  }
  const where = indexes.flatMap((index) => columns[index] ?? []);
  return readRowWith(
    db,
    table,
    where,
    indexes.map((index) => values[index] as StoredValue),
  );
}

function readableKey(table: TableShape, key: readonly StoredValue[]): RepairedRow['key'] {
  return readableValues(table.keyColumns, key);
}

function images(
  { valueColumns }: TableShape,
  before: StoredRow | undefined,
  after: StoredRow | undefined,
): Pick<RepairedRow, 'before' | 'after'> {
  const image = (row: StoredRow | undefined) => (row === undefined ? null : readableValues(valueColumns, row.values));
  return { before: image(before), after: image(after) };
}

function gone(table: TableShape, row: StoredRow): ToleratedRow {
  return { table: table.name, key: readableKey(table, row.key), ...images(table, row, undefined) };
}
