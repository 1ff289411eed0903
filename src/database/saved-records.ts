import type { LogPosition, LogRecord, TransactionLog } from '../log/interface.ts';
import { type Clock, type FileSystem, isoTime } from '../runtime/interface.ts';
import type { ReplicaConnection } from '../sqlite/interface.ts';
import { SavedLines } from './saved-lines.ts';

export interface RecordSaving {
  readonly connection: ReplicaConnection;
  readonly log: TransactionLog;
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly name: string;
  /** Folder of the database. */
  readonly directory: string;
}

export interface SavedRecords {
  readonly transactions: number;
  /** Empty when there was nothing to save. */
  readonly file: string;
}

/**
 * Saves the records after a position in a readable form, durably: all that the log has when the position is undefined.
 * docs/divergence.md describes the file.
 * @throws QuorateError DISK_FULL, IO_ERROR
 */
export function saveRecords(saving: RecordSaving, common: LogPosition | undefined): SavedRecords {
  const { connection, log, files, clock, name, directory } = saving;
  const first = common === undefined ? log.firstTxId : common.txId + 1;
  const last = log.tip.txId;
  if (first > last) {
    return { transactions: 0, file: '' };
  }
  const savedAtMs = Math.floor(clock.nowMs());
  using lines = SavedLines.open(files, directory, `diverged-${first}-${last}-${savedAtMs}.jsonl`);
  lines.add({
    database: name,
    databaseId: hex(log.databaseId),
    savedAt: isoTime(savedAtMs),
    lastCommon: common === undefined ? null : { txId: common.txId, term: common.term, hash: hex(common.hash) },
    applied: connection.readPosition().txId,
  });
  for (const record of log.records(first)) {
    saveRecord(lines, connection, record);
  }
  lines.sync();
  return { transactions: last - first + 1, file: lines.path };
}

/** One line for each change, so that a large transaction needs no more memory than a small one. */
function saveRecord(lines: SavedLines, connection: ReplicaConnection, record: LogRecord): void {
  const { txId, term, timeMs, origin, operations } = record;
  const head = { txId, term, time: isoTime(timeMs), origin: origin.toString(16).padStart(16, '0') };
  let count = 0;
  for (const change of connection.describe(operations)) {
    lines.add({ ...head, ...change });
    count += 1;
  }
  if (count === 0) {
    lines.add({ ...head, kind: 'nothing' });
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
