import type { DatabaseSync } from 'node:sqlite';
import { RawText, type StoredValue } from './byte-reader.ts';
import type { ColumnShape, TableShape } from './table-shape.ts';
import { quoteIdentifier } from './tokenizer.ts';
import type { SqlValue } from './types.ts';

/** One row as it is stored: every type and every byte. Text comes as `RawText`. */
export interface StoredRow {
  readonly key: readonly StoredValue[];
  readonly values: readonly StoredValue[];
}

/** Columns whose marks fit one number that JavaScript's bit operators take. */
const markedTogether = 30;

/**
 * What is selected for columns: numbers with a bit for each column that holds text, then the values with text as blob, since
 * node:sqlite alters text that is not UTF-8 or has a NUL. Fewer cells are read faster.
 */
function exactColumns(columns: readonly ColumnShape[]): string {
  const names = columns.map(({ name }) => quoteIdentifier(name));
  const marks: string[] = [];
  for (let first = 0; first < names.length; first += markedTogether) {
    const group = names.slice(first, first + markedTogether);
    marks.push(group.map((name, bit) => `((typeof(${name}) = 'text') << ${bit})`).join(' | '));
  }
  return [...marks, ...names.map((name) => `iif(typeof(${name}) = 'text', CAST(${name} AS BLOB), ${name})`)].join(', ');
}

/** Values from a row of such cells. */
function decode(cells: readonly SqlValue[], first: number, count: number): StoredValue[] {
  const values = new Array<StoredValue>(count);
  const markCells = Math.ceil(cells.length / (markedTogether + 1));
  for (let i = 0; i < count; i++) {
    const column = first + i;
    const marks = Number(cells[Math.floor(column / markedTogether)]);
    const value = cells[markCells + column] as SqlValue;
    const isText = (marks & (1 << (column % markedTogether))) !== 0;
    values[i] = isText ? new RawText(value as Uint8Array) : value;
  }
  return values;
}

/** Keys between which rows are read, in the order of the table. */
export interface KeyInterval {
  /** Only rows behind this key. */
  readonly after?: readonly StoredValue[] | undefined;
  /** Only rows up to this key, itself included. */
  readonly through?: readonly StoredValue[] | undefined;
}

function bound(
  columns: readonly ColumnShape[],
  operator: '>' | '<=' | '=',
  key: readonly StoredValue[] | undefined,
): { readonly condition: string; readonly parameters: SqlValue[] } {
  if (key === undefined) {
    return { condition: 'true', parameters: [] };
  }
  const names = columns.map((column) => quoteIdentifier(column.name)).join(', ');
  const marks = key.map((value) => (value instanceof RawText ? 'CAST(? AS TEXT)' : '?')).join(', ');
  const parameters = key.map((value) => (value instanceof RawText ? value.bytes : value));
  return { condition: `(${names}) ${operator} (${marks})`, parameters };
}

/** The row with a key, as far as the collations of its columns tell keys apart. */
export function readRow(db: DatabaseSync, table: TableShape, key: readonly StoredValue[]): StoredRow | undefined {
  return readRowWith(db, table, table.keyColumns, key);
}

/** A row with these values in these columns, as far as the collations of the columns tell values apart. */
export function readRowWith(
  db: DatabaseSync,
  table: TableShape,
  where: readonly ColumnShape[],
  values: readonly StoredValue[],
): StoredRow | undefined {
  const columns = exactColumns([...table.keyColumns, ...table.valueColumns]);
  const { condition, parameters } = bound(where, '=', values);
  const sql = `SELECT ${columns} FROM main.${quoteIdentifier(table.name)} WHERE ${condition}`;
  const row = db.prepare(sql, { readBigInts: true, returnArrays: true }).get(...parameters);
  return row === undefined ? undefined : decodeRow(row as unknown as readonly SqlValue[], table);
}

function decodeRow(cells: readonly SqlValue[], table: TableShape): StoredRow {
  const keyCount = table.keyColumns.length;
  return { key: decode(cells, 0, keyCount), values: decode(cells, keyCount, table.valueColumns.length) };
}

/** Rows of an ordinary or shadow table in the order of their keys; all of them without an interval. */
export function* readRows(db: DatabaseSync, table: TableShape, interval: KeyInterval = {}): Generator<StoredRow> {
  const columns = exactColumns([...table.keyColumns, ...table.valueColumns]);
  const order = table.keyColumns.map((column) => quoteIdentifier(column.name)).join(', ');
  const lower = bound(table.keyColumns, '>', interval.after);
  const upper = bound(table.keyColumns, '<=', interval.through);
  const where = `WHERE ${lower.condition} AND ${upper.condition}`;
  const sql = `SELECT ${columns} FROM main.${quoteIdentifier(table.name)} ${where} ORDER BY ${order}`;
  const statement = db.prepare(sql, { readBigInts: true, returnArrays: true });
  const parameters = [...lower.parameters, ...upper.parameters];
  for (const row of statement.iterate(...parameters) as Iterable<unknown>) {
    yield decodeRow(row as readonly SqlValue[], table);
  }
}
