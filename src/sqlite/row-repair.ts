import type { DatabaseSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import type { StoredValue } from './byte-reader.ts';
import { rowItems } from './operation-format.ts';
import { decodeRow, decodeValues, encodeValues, type ReadableValue, readableValues } from './row-image.ts';
import { readRow, type StoredRow } from './stored-rows.ts';
import type { TableCatalogue } from './table-catalogue.ts';
import type { TableShape } from './table-shape.ts';
import { TableWriter, wholeRow } from './table-writer.ts';

/** What a row of this copy is to become. Encoded as in docs/operations-format.md. */
export interface WantedRow {
  readonly key: Uint8Array;
  /** The whole row as it was found to be wrong; empty when there was none. */
  readonly found: Uint8Array;
  /** The whole row as it is to be; empty when there is to be none. */
  readonly row: Uint8Array;
}

/** A repaired row by column. */
export interface RepairedRow {
  readonly key: Readonly<Record<string, ReadableValue>>;
  /** All values but the key; null when there was no row. */
  readonly before: Readonly<Record<string, ReadableValue>> | null;
  /** The same after the repair; null when there is no row any more. */
  readonly after: Readonly<Record<string, ReadableValue>> | null;
}

export interface RepairOutcome {
  readonly repaired: readonly RepairedRow[];
  /** Rows that are no longer wrong in the way in which they were found to be: they stay as they are. */
  readonly skipped: number;
}

/**
 * Gives rows of one table other content, inside the open transaction: what is wrong goes first, then what is right comes,
 * so that values of UNIQUE columns may move between rows.
 * @throws QuorateError SCHEMA_MISMATCH without the table; what SQLite refuses, such as CONSTRAINT_VIOLATION
 */
export function repairRows(
  db: DatabaseSync,
  catalogue: TableCatalogue,
  name: string,
  wanted: readonly WantedRow[],
): RepairOutcome {
  const table = catalogue.current.tables.get(name);
  if (table === undefined || table.kind === 'virtual') {
    throw new QuorateError('SCHEMA_MISMATCH', `the table ${name} is missing`, {
      hint: 'Copy the database again from its upstream: quorate database rejoin DATABASE',
    });
  }
  const writer = new TableWriter(db, table);
  try {
    return repairTable(db, table, writer, wanted);
  } finally {
    writer.close();
  }
}

function repairTable(
  db: DatabaseSync,
  table: TableShape,
  writer: TableWriter,
  wanted: readonly WantedRow[],
): RepairOutcome {
  const accepted: Correction[] = [];
  for (const row of wanted) {
    const correction = correctionOf(db, table, row);
    if (correction !== undefined) {
      accepted.push(correction);
    }
  }
  for (const { before } of accepted) {
    if (before !== undefined) {
      writer.apply(wholeRow(rowItems.delete, before));
    }
  }
  const repaired = accepted.map(({ key, before, after }) => {
    if (after !== undefined) {
      writer.apply(wholeRow(rowItems.insert, after));
    }
    return {
      key: readableValues(table.keyColumns, decodeValues(key, table.keyColumns.length)),
      before: before === undefined ? null : readableValues(table.valueColumns, before.values),
      after: after === undefined ? null : readableValues(table.valueColumns, after.values),
    };
  });
  return { repaired, skipped: wanted.length - accepted.length };
}

/** What a row is now and what it is to become. */
interface Correction {
  readonly key: Uint8Array;
  readonly before: StoredRow | undefined;
  readonly after: StoredRow | undefined;
}

/**
 * Columns get the right value while they are still as wrong as they were found. What was written to the others since stays.
 * Undefined when the row is to be left alone.
 */
function correctionOf(db: DatabaseSync, table: TableShape, { key, found, row }: WantedRow): Correction | undefined {
  const before = readExactly(db, table, key);
  const wrong = found.length === 0 ? undefined : decodeRow(found, table);
  const right = row.length === 0 ? undefined : decodeRow(row, table);
  if (before === undefined || wrong === undefined || right === undefined) {
    return isSameRow(before, wrong) ? { key, before, after: right } : undefined;
  }
  const values: StoredValue[] = [...before.values];
  for (const [i, value] of right.values.entries()) {
    if (!isSame(value, wrong.values[i])) {
      if (!isSame(before.values[i], wrong.values[i])) {
        return undefined;
      }
      values[i] = value;
    }
  }
  return { key, before, after: { key: before.key, values } };
}

function isSameRow(one: StoredRow | undefined, other: StoredRow | undefined): boolean {
  return one === undefined || other === undefined
    ? one === other
    : Buffer.compare(encodeValues(one.values), encodeValues(other.values)) === 0;
}

function isSame(one: StoredValue | undefined, other: StoredValue | undefined): boolean {
  return Buffer.compare(encodeValues([one ?? null]), encodeValues([other ?? null])) === 0;
}

/** A collation may find a row whose key has other bytes: that is another row. */
function readExactly(db: DatabaseSync, table: TableShape, key: Uint8Array): StoredRow | undefined {
  const found = readRow(db, table, decodeValues(key, table.keyColumns.length));
  return found !== undefined && Buffer.compare(encodeValues(found.key), key) === 0 ? found : undefined;
}
