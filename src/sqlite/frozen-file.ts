import { DatabaseSync } from 'node:sqlite';
import { StateTable } from './internal-schema.ts';
import type { AppliedPosition } from './types.ts';
import { translated } from './writing-connection.ts';

/**
 * A read transaction that keeps a database file as it is, byte by byte, while others go on writing.
 *
 * A reader that begins when the whole WAL is in the database file reads that file alone; SQLite marks it with a lock that
 * whoever moves pages from the WAL into the file has to wait for (https://www.sqlite.org/walformat.html#read_locks,
 * WAL_READ_LOCK(0)). So commits go into the WAL, which grows, and the file can be read with nothing of SQLite until this is
 * disposed of.
 */
export class FrozenFile implements Disposable {
  readonly #db: DatabaseSync;
  /** What the file is the content of. */
  readonly position: AppliedPosition;

  private constructor(db: DatabaseSync) {
    this.#db = db;
    this.position = new StateTable(db).read();
  }

  /**
   * To be called right after a complete checkpoint, before anybody writes: by the thread that is the only one that writes.
   * @throws QuorateError IO_ERROR, DATABASE_CORRUPT
   */
  static open(path: string): FrozenFile {
    return translated(() => {
      const db = new DatabaseSync(path, { readOnly: true });
      try {
        db.exec('BEGIN');
        return new FrozenFile(db);
      } catch (error) {
        db.close();
        throw error;
      }
    });
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}
