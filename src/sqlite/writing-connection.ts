import { DatabaseSync } from 'node:sqlite';
import { createInternalTables, requireUtf8 } from './internal-schema.ts';
import { defaultBusyTimeoutMs } from './primary-options.ts';
import { mapSqliteError } from './sqlite-errors.ts';
import { restoreTriggers } from './suspended-triggers.ts';

interface WritingOptions {
  /** A primary enforces foreign keys and fires triggers; a replica does neither. */
  readonly primary: boolean;
  readonly busyTimeoutMs?: number | undefined;
}

/**
 * Pages in the WAL (of 4 KiB) at which a commit moves them into the database file. SQLite's own 1000 is for files that
 * are fsynced at each commit: here the moving, with its two fsyncs, took half of the time of a busy writer. Most pages
 * are written again and again, so with eight times as many in the WAL far fewer are moved.
 */
const checkpointPages = 8000;

/** Opens a file that this process will write to, with the internal tables in it. */
export function openForWriting(path: string, { primary, busyTimeoutMs }: WritingOptions): DatabaseSync {
  const db = new DatabaseSync(path, {
    // Shadow tables of virtual tables are written by replication, which defensive mode forbids.
    defensive: false,
    enableForeignKeyConstraints: primary,
    // Otherwise every statement fails once the last rowid is beyond 2^53, since its result holds it.
    readBigInts: true,
    timeout: busyTimeoutMs ?? defaultBusyTimeoutMs,
  });
  try {
    requireUtf8(db);
    // A replica does not ask again what the primary's CHECK constraints have let through.
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA ignore_check_constraints = ${!primary}`);
    db.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`);
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
