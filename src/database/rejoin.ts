import { QuorateError } from '../errors/interface.ts';
import type { LogPosition, LogRecord, TransactionLog } from '../log/interface.ts';
import { type Clock, type FileSystem, isoTime } from '../runtime/interface.ts';
import type { ReplicaConnection } from '../sqlite/interface.ts';
import { SavedLines } from './saved-lines.ts';
import type { RejoinReport } from './types.ts';

/** Records of the log that are in memory at once while they are taken back. */
const undoneAtOnce = 256;

export interface RejoinOptions {
  readonly connection: ReplicaConnection;
  readonly log: TransactionLog;
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly name: string;
  /** Folder of the database. */
  readonly directory: string;
  /** Last transaction in common with the upstream. */
  readonly commonTxId: number;
}

/**
 * Takes a replica back to the last transaction that it has in common with its upstream. What goes is saved first. Then SQLite
 * goes back, in one transaction with its position, and the log is cut last: after a crash in between SQLite is behind its
 * log, as after any other, and the negotiation with the upstream cuts the rest.
 * @throws QuorateError SNAPSHOT_REQUIRED when the log does not tell how to go back; DIVERGED when the content is not what
 *   the log made it. Either way the transactions are saved and nothing else has changed.
 */
export function rejoin(options: RejoinOptions): RejoinReport {
  const { connection, log, commonTxId } = options;
  const { tip } = log;
  const common = log.positionOf(commonTxId);
  if (common === undefined) {
    throw new QuorateError(
      'SNAPSHOT_REQUIRED',
      `this log begins at ${log.firstTxId}, behind transaction ${commonTxId}`,
      {
        hint: 'Copy the database again from its upstream.',
      },
    );
  }
  if (commonTxId === tip.txId) {
    return { commonTxId, transactions: 0, file: '' };
  }
  const file = saveRecords(options, common, tip);
  try {
    takeBack(connection, log, common);
  } catch (error) {
    throw withFile(error, file);
  }
  log.truncateAfter(commonTxId);
  return { commonTxId, transactions: tip.txId - commonTxId, file };
}

/** Whoever reads the error learns that the transactions are safe. */
function withFile(error: unknown, file: string): unknown {
  if (!(error instanceof QuorateError)) {
    return error;
  }
  const { code, message, hint, details } = error;
  return new QuorateError(code, `${message}; the transactions are saved in ${file}`, {
    cause: error,
    hint,
    details: { ...details, file },
  });
}

function saveRecords(options: RejoinOptions, common: LogPosition, tip: LogPosition): string {
  const { connection, log, files, clock, name, directory } = options;
  const savedAtMs = Math.floor(clock.nowMs());
  using lines = SavedLines.open(files, directory, `diverged-${common.txId + 1}-${tip.txId}-${savedAtMs}.jsonl`);
  lines.add({
    database: name,
    databaseId: hex(log.databaseId),
    savedAt: isoTime(savedAtMs),
    lastCommon: { txId: common.txId, term: common.term, hash: hex(common.hash) },
    applied: connection.readPosition().txId,
  });
  for (const record of log.records(common.txId + 1)) {
    saveRecord(lines, connection, record);
  }
  lines.sync();
  return lines.path;
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

/** In one SQLite transaction, the newest first. */
function takeBack(connection: ReplicaConnection, log: TransactionLog, common: LogPosition): void {
  const applied = connection.readPosition().txId;
  if (applied <= common.txId) {
    return;
  }
  connection.begin();
  try {
    for (const { operations } of recordsBackwards(log, common.txId + 1, applied)) {
      connection.undo(operations);
    }
    connection.writePosition(common);
    connection.commit();
  } catch (error) {
    connection.rollback();
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

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
