import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { insertItem, itemTableStatements, itemValues, type KeyOrder } from '../nodes/item-table.ts';

/** Client transactions in one SQLite commit. */
const groupSize = 100;

/** The SQLite work of replication with nothing around it: no log, no fsync but SQLite's own, no thread, no client. */
export class BareSqlite implements Disposable {
  readonly #database: DatabaseSync;
  readonly #keys: KeyOrder;

  constructor(directory: string, keys: KeyOrder) {
    this.#keys = keys;
    this.#database = new DatabaseSync(path.join(directory, 'bare.sqlite'));
    this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
  }

  /**
   * Inserts rows for `seconds`: a savepoint and a session for each transaction, `groupSize` of them in each commit.
   * Returns transactions per second.
   */
  insertRate(seconds: number): number {
    const database = this.#database;
    for (const sql of itemTableStatements) {
      database.exec(sql);
    }
    const insert = database.prepare(insertItem);
    const begin = database.prepare('BEGIN IMMEDIATE');
    const commit = database.prepare('COMMIT');
    const savepoint = database.prepare('SAVEPOINT client');
    const release = database.prepare('RELEASE client');
    const start = performance.now();
    let count = 0;
    while (performance.now() - start < seconds * 1000) {
      begin.run();
      for (let i = 0; i < groupSize; i += 1) {
        const session = database.createSession();
        savepoint.run();
        insert.run(...itemValues(count, this.#keys));
        release.run();
        session.changeset();
        session.close();
        count += 1;
      }
      commit.run();
    }
    return count / ((performance.now() - start) / 1000);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}
