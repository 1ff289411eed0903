import { DatabaseSync } from 'node:sqlite';
import { mapSqliteError } from './sqlite-errors.ts';

/** `passive` takes what it can without waiting; `truncate` waits for readers and empties the WAL. */
export type CheckpointMode = 'passive' | 'truncate';

export interface CheckpointResult {
  /** All pages of the WAL are in the database file now, on disk. */
  readonly complete: boolean;
  /** Pages in the WAL. */
  readonly walPages: number;
  /** Of these, pages that are in the database file. */
  readonly checkpointedPages: number;
}

/** https://www.sqlite.org/pragma.html#pragma_wal_checkpoint */
export function runCheckpoint(db: DatabaseSync, mode: CheckpointMode): CheckpointResult {
  const row = db.prepare(`PRAGMA wal_checkpoint(${mode})`).get();
  const walPages = Number(row?.log);
  const checkpointedPages = Number(row?.checkpointed);
  return { complete: Number(row?.busy) === 0 && walPages === checkpointedPages, walPages, checkpointedPages };
}

/** A passive checkpoint by a connection of its own, so that the writer goes on meanwhile. @throws QuorateError IO_ERROR, DISK_FULL */
export function checkpointFile(path: string): void {
  try {
    const db = new DatabaseSync(path);
    try {
      runCheckpoint(db, 'passive');
    } finally {
      db.close();
    }
  } catch (error) {
    throw mapSqliteError(error);
  }
}
