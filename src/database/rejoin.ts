import { type ErrorCode, isQuorateError } from '../errors/interface.ts';
import type { LogPosition, LogRecord, TransactionLog } from '../log/interface.ts';
import type { ReplicaConnection } from '../sqlite/interface.ts';
import { type RecordSaving, saveRecords } from './saved-records.ts';
import type { RejoinReport, RejoinRequest } from './types.ts';

/** Records of the log that are in memory at once while they are taken back. */
const undoneAtOnce = 256;

/** The log does not tell how to go back, or the content is not what it made: only a snapshot helps. */
const needSnapshot: ReadonlySet<ErrorCode> = new Set([
  'SNAPSHOT_REQUIRED',
  'DIVERGED',
  'SCHEMA_MISMATCH',
  'CONSTRAINT_VIOLATION',
  'SQL_ERROR',
  'DATABASE_CORRUPT',
]);

/**
 * Takes a replica back to the last transaction that it has in common with its upstream. What goes is saved first. Then SQLite
 * goes back, in one transaction with its position, and when that is durable the log is cut: after a crash in between SQLite is behind its
 * log, as after any other, and the negotiation with the upstream cuts the rest. Where that cannot be, nothing changes and
 * the report asks for a snapshot.
 * @param makeDurable of what SQLite has committed
 * @throws QuorateError DISK_FULL, IO_ERROR …: nothing has changed
 */
export function rejoin(
  saving: RecordSaving,
  { commonTxId, mayGoBack }: RejoinRequest,
  makeDurable: () => void,
): RejoinReport {
  const { connection, log } = saving;
  const common = commonTxId === undefined ? undefined : log.positionOf(commonTxId);
  const saved = saveRecords(saving, common);
  const isBack = mayGoBack && common !== undefined && takeBack(connection, log, common);
  if (isBack) {
    makeDurable();
    log.truncateAfter(common.txId);
  }
  return { commonTxId: common?.txId ?? 0, ...saved, snapshot: !isBack };
}

/** In one SQLite transaction, the newest first. False when the log does not tell how. */
function takeBack(connection: ReplicaConnection, log: TransactionLog, common: LogPosition): boolean {
  const applied = connection.readPosition().txId;
  if (applied <= common.txId) {
    return true;
  }
  connection.begin();
  try {
    for (const { operations } of recordsBackwards(log, common.txId + 1, applied)) {
      connection.undo(operations);
    }
    connection.writePosition(common);
    connection.commit();
    return true;
  } catch (error) {
    connection.rollback();
    if (isQuorateError(error) && needSnapshot.has(error.code)) {
      return false;
    }
    throw error;
  }
}

function* recordsBackwards(log: TransactionLog, firstTxId: number, lastTxId: number): Generator<LogRecord> {
  for (let end = lastTxId; end >= firstTxId; end -= undoneAtOnce) {
    const slice: LogRecord[] = [];
    for (const record of log.records(Math.max(firstTxId, end - undoneAtOnce + 1))) {
      if (record.txId > end) {
        break;
      }
      slice.push(record);
    }
    yield* slice.reverse();
  }
}
