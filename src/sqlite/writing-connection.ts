import { DatabaseSync } from 'node:sqlite';
import { createInternalTables, requireUtf8 } from './internal-schema.ts';
import { defaultBusyTimeoutMs } from './primary-options.ts';
import { mapSqliteError } from './sqlite-errors.ts';
import { restoreTriggers } from './suspended-triggers.ts';
import { valueLimit } from './value-limit.ts';

interface WritingOptions {
  /** A primary enforces foreign keys and fires triggers; a replica does neither. */
  readonly primary: boolean;
  readonly busyTimeoutMs?: number | undefined;
  /** See `PrimaryOptions`. A replica takes what its primary has taken. */
  readonly maxValueBytes?: number | undefined;
}

/**
 * Pages in the WAL (of 4 KiB) at which a commit moves them into the database file. Most pages are written again and
 * again, so the more of them wait the fewer are moved; but whoever writes meanwhile waits for the moving and its two
 * fsyncs. Against SQLite's own 1000, 8000 made a busy writer half as fast again and the slowest percent of the lag of a
 * replica three times as long; with 2000 the lag stays under 20 ms.
 */
const checkpointPages = 2000;

/** What stays of a WAL that had to grow larger, since checkpoints were held back or a reader stayed long, in bytes. */
const walLeftBytes = 64 * 1024 * 1024;

/** Whether commits leave their pages in the WAL, however large it gets. */
export function holdCheckpoints(db: DatabaseSync, held: boolean): void {
  db.exec(`PRAGMA wal_autocheckpoint = ${held ? 0 : checkpointPages}`);
}

/** Opens a file that this process will write to, with the internal tables in it. */
export function openForWriting(path: string, { primary, busyTimeoutMs, maxValueBytes }: WritingOptions): DatabaseSync {
  const db = new DatabaseSync(path, {
    // Shadow tables of virtual tables are written by replication, which defensive mode forbids.
    defensive: false,
    enableForeignKeyConstraints: primary,
    // Otherwise every statement fails once the last rowid is beyond 2^53, since its result holds it.
    readBigInts: true,
    timeout: busyTimeoutMs ?? defaultBusyTimeoutMs,
    ...valueLimit(maxValueBytes),
  });
  try {
    requireUtf8(db);
    // A replica does not ask again what the primary's CHECK constraints have let through.
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA ignore_check_constraints = ${!primary}`);
    db.exec(`PRAGMA journal_size_limit = ${walLeftBytes}`);
    holdCheckpoints(db, false);
    db.exec('BEGIN IMMEDIATE');
    createInternalTables(db);
    if (primary) {
      restoreTriggers(db);
    }
    db.exec('COMMIT');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Runs an action; what node:sqlite throws becomes a `QuorateError`. */
export function translated<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    throw mapSqliteError(error);
  }
}
