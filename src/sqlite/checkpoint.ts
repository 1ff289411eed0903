import type { DatabaseSync } from 'node:sqlite';

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
