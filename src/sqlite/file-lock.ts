import { DatabaseSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';

/** SQLITE_BUSY, https://sqlite.org/rescode.html#busy */
const busy = 5;

/**
 * A lock between processes: an empty SQLite file with an exclusive transaction open. The operating system drops the
 * lock when the process ends in whatever way, so a stale one cannot exist.
 */
export class FileLock implements Disposable {
  readonly #connection: DatabaseSync;

  private constructor(connection: DatabaseSync) {
    this.#connection = connection;
  }

  /** Takes the lock without waiting. @throws QuorateError DATABASE_LOCKED when another process holds it, IO_ERROR */
  static acquire(filePath: string): FileLock {
    let connection: DatabaseSync | undefined;
    try {
      connection = new DatabaseSync(filePath, { timeout: 0 });
      connection.exec('BEGIN EXCLUSIVE');
      return new FileLock(connection);
    } catch (cause) {
      connection?.close();
      const isBusy = (cause as { errcode?: number }).errcode === busy;
      throw new QuorateError(
        isBusy ? 'DATABASE_LOCKED' : 'IO_ERROR',
        isBusy ? `another process holds ${filePath}` : `cannot lock ${filePath}: ${(cause as Error).message}`,
        {
          cause,
          hint: isBusy ? 'Stop the other process, or use another folder.' : 'Check that the folder is writable.',
        },
      );
    }
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}
