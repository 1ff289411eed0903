import { type Clock, type FileSystem, isoTime } from '../runtime/interface.ts';
import type { ReplicaConnection } from '../sqlite/interface.ts';
import { SavedLines } from './saved-lines.ts';
import type { RepairReport, RepairRequest } from './types.ts';

export interface RepairOptions {
  readonly connection: ReplicaConnection;
  readonly files: FileSystem;
  readonly clock: Clock;
  /** Folder of the database. */
  readonly directory: string;
  readonly request: RepairRequest;
}

/**
 * Gives rows of a replica the content that they have on its upstream, in one SQLite transaction and past the log. What they
 * were and what they became is on disk before that.
 *
 * It is right although the replica has gone on since the rows were compared: a row that is still as wrong as it was has not
 * been touched by any transaction since, because applying checks the old values of what it changes. All others are skipped.
 * @throws QuorateError SCHEMA_MISMATCH, CONSTRAINT_VIOLATION, IO_ERROR, DISK_FULL: nothing has changed
 */
export function repair({ connection, files, clock, directory, request }: RepairOptions): RepairReport {
  const { txId, table, rows } = request;
  const time = isoTime(clock.nowMs());
  using lines = SavedLines.open(files, directory, `repaired-${txId}.jsonl`);
  connection.begin();
  try {
    const { repaired, skipped } = connection.repair(table, rows);
    for (const row of repaired) {
      lines.add({ time, txId, table, ...row });
    }
    lines.sync();
    connection.commit();
    return { repaired: repaired.length, skipped, file: lines.path };
  } catch (error) {
    connection.rollback();
    throw error;
  }
}
