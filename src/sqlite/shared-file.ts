import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { SqlValue } from './types.ts';
import { translated } from './writing-connection.ts';

/** Whether a transaction survives a loss of power (one fsync), or only the end of the process that made it. */
export type Durability = 'durable' | 'volatile';

/** Pages of the WAL (4 KiB each) at which a commit moves them into the file; a checkpoint costs two fsyncs. */
const checkpointPages = 100;

/**
 * A small SQLite file that several processes read and write at once, with SQL of Quorate alone. Nothing waits: what meets
 * the lock of another process throws DATABASE_LOCKED at once. Readers meet none but while a file is made or recovered.
 */
export class SharedFile implements Disposable {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #dataVersion: StatementSync;
  #durability: Durability = 'durable';

  private constructor(db: DatabaseSync) {
    this.#db = db;
    this.#dataVersion = db.prepare('PRAGMA data_version');
  }

  /**
   * Opens or makes the file.
   * @param schema creates what does not exist; without it nothing waits for whoever writes
   * @throws QuorateError DATABASE_LOCKED, DATABASE_CORRUPT, IO_ERROR, DISK_FULL
   */
  static open(filePath: string, schema?: string): SharedFile {
    return translated(() => {
      const db = new DatabaseSync(filePath, { timeout: 0 });
      try {
        db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = ${checkpointPages}`);
        const file = new SharedFile(db);
        if (schema !== undefined) {
          file.write('durable', () => db.exec(schema));
        }
        return file;
      } catch (error) {
        db.close();
        throw error;
      }
    });
  }

  /** Differs from its last value when another process has committed. */
  get dataVersion(): number {
    return translated(() => Number(this.#dataVersion.get()?.data_version));
  }

  /** All that `action` reads is of one moment. */
  read<Result>(action: () => Result): Result {
    return this.#transaction('BEGIN', action);
  }

  /** A transaction that is the only one that writes; whatever `action` throws undoes it. */
  write<Result>(durability: Durability, action: () => Result): Result {
    if (durability !== this.#durability) {
      this.#db.exec(`PRAGMA synchronous = ${durability === 'durable' ? 'FULL' : 'NORMAL'}`);
      this.#durability = durability;
    }
    return this.#transaction('BEGIN IMMEDIATE', action);
  }

  /** Rows of a statement, which is kept prepared. */
  rows(sql: string, ...parameters: readonly SqlValue[]): Record<string, SqlValue>[] {
    return translated(() => this.#prepared(sql).all(...parameters)) as Record<string, SqlValue>[];
  }

  /** Runs a statement, which is kept prepared; returns how many rows it changed. */
  run(sql: string, ...parameters: readonly SqlValue[]): number {
    return translated(() => Number(this.#prepared(sql).run(...parameters).changes));
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }

  #transaction<Result>(begin: string, action: () => Result): Result {
    return translated(() => {
      this.#db.exec(begin);
      try {
        const result = action();
        this.#db.exec('COMMIT');
        return result;
      } catch (error) {
        if (this.#db.isTransaction) {
          this.#db.exec('ROLLBACK');
        }
        throw error;
      }
    });
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
