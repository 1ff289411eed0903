import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import { rowItems } from './operation-format.ts';
import { decodeRow, decodeValues, encodeValues, type ReadableValue, readableValues } from './row-image.ts';
import { readRow, type StoredRow } from './stored-rows.ts';
import type { TableCatalogue } from './table-catalogue.ts';
import type { TableShape } from './table-shape.ts';
import { TableWriter, wholeRow } from './table-writer.ts';

/** What a row of this copy is to become. Encoded as in docs/operations-format.md. */
export interface WantedRow {
  readonly key: Uint8Array;
  /** SHA-256 of the row as it was found to be wrong; empty when there was none. */
  readonly digest: Uint8Array;
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
  /** Rows that are no longer as they were when they were compared: they stay as they are. */
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
  const accepted: { readonly wanted: WantedRow; readonly before: StoredRow | undefined }[] = [];
  for (const row of wanted) {
    const before = readExactly(db, table, row.key);
    if (Buffer.compare(digestOf(before), row.digest) === 0) {
      accepted.push({ wanted: row, before });
    }
  }
  for (const { before } of accepted) {
    if (before !== undefined) {
      writer.apply(wholeRow(rowItems.delete, before));
    }
  }
  const repaired = accepted.map(({ wanted: { key, row }, before }) => {
    const after = row.length === 0 ? undefined : decodeRow(row, table);
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

/** A collation may find a row whose key has other bytes: that is another row. */
function readExactly(db: DatabaseSync, table: TableShape, key: Uint8Array): StoredRow | undefined {
  const found = readRow(db, table, decodeValues(key, table.keyColumns.length));
  return found !== undefined && Buffer.compare(encodeValues(found.key), key) === 0 ? found : undefined;
}

function digestOf(row: StoredRow | undefined): Uint8Array {
  return row === undefined
    ? new Uint8Array(0)
    : createHash('sha256')
        .update(encodeValues([...row.key, ...row.values]))
        .digest();
}
