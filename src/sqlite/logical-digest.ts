import { createHash, type Hash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { ByteWriter } from './byte-writer.ts';
import { stateTable } from './internal-names.ts';
import { canonicalSchema } from './schema-hash.ts';
import { writeState } from './state-digest.ts';
import { readRows } from './stored-rows.ts';
import { TableCatalogue } from './table-catalogue.ts';
import { translated } from './writing-connection.ts';

export interface LogicalDigest {
  /** SHA-256, 32 bytes. */
  readonly digest: Uint8Array;
  /** The last transaction whose changes it includes. */
  readonly txId: number;
}

/** Rows are collected up to this size before they are hashed. */
const hashedAtOnceBytes = 64 * 1024;
const noLimit = Number.POSITIVE_INFINITY;

/** Collects values and feeds them to a hash. */
class HashWriter {
  readonly writer = new ByteWriter(noLimit);
  readonly #hash: Hash;

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  /** Hashes what was collected, once it is enough. */
  flush(atBytes: number): void {
    if (this.writer.length >= atBytes) {
      this.#hash.update(this.writer.bytes.subarray(0, this.writer.length));
      this.writer.truncate(0);
    }
  }
}

/**
 * A hash over the logical content of a file at one moment: schema, all rows of all tables with their rowids, types and
 * bytes, sqlite_sequence, user_version and application_id. Equal on all nodes that hold the same, whatever their role:
 * suspended triggers count as present, Quorate's own tables and the statistics of ANALYZE do not count.
 *
 * @throws QuorateError IO_ERROR, DATABASE_CORRUPT
 */
export function logicalDigest(path: string): LogicalDigest {
  return translated(() => {
    const db = new DatabaseSync(path, { readOnly: true });
    try {
      db.exec('BEGIN');
      return digestOf(db);
    } finally {
      db.close();
    }
  });
}

function digestOf(db: DatabaseSync): LogicalDigest {
  const hash = createHash('sha256');
  const catalogue = new TableCatalogue(db);
  hash.update(canonicalSchema(catalogue.schemaRows()));
  const out = new HashWriter(hash);
  const tables = [...catalogue.current.tables.values()].filter((table) => table.kind !== 'virtual');
  for (const table of tables.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    out.writer.name(table.name);
    for (const { key, values } of readRows(db, table)) {
      out.writer.byte(1);
      for (const value of key) {
        out.writer.stored(value);
      }
      for (const value of values) {
        // The session extension takes -0.0 for equal to 0.0, so in shadow tables the sign of zero is not replicated.
        out.writer.stored(table.kind === 'shadow' && value === 0 ? 0 : value);
      }
      out.flush(hashedAtOnceBytes);
    }
    out.writer.byte(0);
  }
  writeState(db, catalogue.schemaRows(), out.writer);
  out.flush(0);
  return { digest: hash.digest(), txId: positionOf(db) };
}

/** 0 for a file that is no database of Quorate. */
function positionOf(db: DatabaseSync): number {
  const exists = db.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(stateTable);
  return exists === undefined ? 0 : (db.prepare(`SELECT tx_id FROM ${stateTable}`).get()?.tx_id as number);
}
