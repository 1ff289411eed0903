import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import { keyTable, stateTable, suspendedTable } from './internal-names.ts';
import type { AppliedPosition } from './types.ts';

/** Version of the internal tables. */
const format = 1;

const createSql = `
  CREATE TABLE IF NOT EXISTS main.${stateTable} (
    id INTEGER PRIMARY KEY CHECK (id = 1), format INTEGER NOT NULL,
    tx_id INTEGER NOT NULL, term INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS main.${suspendedTable} (
    position INTEGER PRIMARY KEY, name TEXT NOT NULL, tbl_name TEXT NOT NULL, sql TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS main.${keyTable} (
    key TEXT PRIMARY KEY, tx_id INTEGER NOT NULL, term INTEGER NOT NULL, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS main.${keyTable}_age ON ${keyTable} (at_ms);
  INSERT OR IGNORE INTO main.${stateTable} VALUES (1, ${format}, 0, 0, zeroblob(32));`;

/** Creates the internal tables where they are missing. @throws QuorateError DATABASE_CORRUPT for another format */
export function createInternalTables(db: DatabaseSync): void {
  db.exec(createSql);
  const row = db.prepare(`SELECT format FROM main.${stateTable}`).get();
  if (Number(row?.format) !== format) {
    throw new QuorateError('DATABASE_CORRUPT', `the file has internal tables of format ${String(row?.format)}`, {
      hint: `This version of Quorate reads format ${format}; use the version that wrote the file.`,
    });
  }
}

/** Refuses a file whose text is UTF-16: the log and the replicas hold UTF-8. */
export function requireUtf8(db: DatabaseSync): void {
  const encoding = db.prepare('PRAGMA encoding').get()?.encoding;
  if (encoding !== 'UTF-8') {
    throw new QuorateError('UNSUPPORTED_STATEMENT', `the file stores text as ${String(encoding)}`, {
      hint: 'Dump it and load it into a database with PRAGMA encoding = "UTF-8".',
    });
  }
}

/** Reads and writes the position up to which the content is the fold of the log. */
export class StateTable {
  readonly #read: StatementSync;
  readonly #write: StatementSync;

  constructor(db: DatabaseSync) {
    this.#read = db.prepare(`SELECT tx_id, term, hash FROM main.${stateTable} WHERE id = 1`);
    this.#write = db.prepare(`UPDATE main.${stateTable} SET tx_id = ?, term = ?, hash = ? WHERE id = 1`);
  }

  read(): AppliedPosition {
    const row = this.#read.get();
    return { txId: Number(row?.tx_id), term: Number(row?.term), hash: row?.hash as Uint8Array };
  }

  /** To be called inside the transaction whose changes it stands for. */
  write(position: AppliedPosition): void {
    this.#write.run(position.txId, position.term, position.hash);
  }
}
