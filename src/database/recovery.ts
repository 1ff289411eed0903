import { QuorateError } from '../errors/interface.ts';
import type { LogPosition, LogRecord, TransactionLog } from '../log/interface.ts';
import { type AppliedPosition, PrimaryConnection, ReplicaConnection } from '../sqlite/interface.ts';
import type { DatabaseLimits } from './limits.ts';
import type { Tolerance } from './tolerance.ts';

type ApplyLimits = Pick<DatabaseLimits, 'maxApplyRecords' | 'maxApplyBytes'>;

/** Refuses a SQLite file that is not a prefix of its log: it may be behind, never ahead or elsewhere (invariant I4). */
export function checkAgainstLog(applied: AppliedPosition, log: TransactionLog): void {
  if (applied.txId === 0) {
    return;
  }
  const logged = log.positionOf(applied.txId);
  if (logged === undefined || Buffer.compare(logged.hash, applied.hash) !== 0) {
    throw new QuorateError(
      'DATABASE_CORRUPT',
      `the SQLite file is at transaction ${applied.txId}, which is not in its log (the log ends at ${log.tip.txId})`,
      {
        hint: 'The data file or the log was exchanged or restored alone. Restore both, or make the database anew from a peer.',
        details: { appliedTxId: applied.txId, logTxId: log.tip.txId },
      },
    );
  }
}

/**
 * Applies records in one SQLite transaction, with the position they lead to. Throws with the transaction rolled back.
 * @param tolerance while a replica is repaired: rows that are not as they were on the primary are recorded and changed
 */
export function applyRecords(
  connection: ReplicaConnection,
  records: readonly LogRecord[],
  tolerance?: Tolerance,
): LogPosition | undefined {
  const last = records.at(-1);
  if (last === undefined) {
    return undefined;
  }
  connection.begin();
  try {
    for (const record of records) {
      connection.apply(record.operations, record.schemaHash, tolerance && ((row) => tolerance.note(record.txId, row)));
    }
    connection.writePosition(last);
    tolerance?.sync();
    connection.commit();
  } catch (error) {
    if (connection.inTransaction) {
      connection.rollback();
    }
    throw error;
  }
  return last;
}

/** Cuts a run of records into slices that fit one SQLite transaction each. */
export function* slices(
  records: Iterable<LogRecord>,
  throughTxId: number,
  limits: ApplyLimits,
): Generator<LogRecord[]> {
  let slice: LogRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    if (record.txId > throughTxId) {
      break;
    }
    slice.push(record);
    bytes += record.sizeBytes;
    if (slice.length >= limits.maxApplyRecords || bytes >= limits.maxApplyBytes) {
      yield slice;
      slice = [];
      bytes = 0;
    }
  }
  if (slice.length > 0) {
    yield slice;
  }
}

/**
 * Brings the SQLite file of a primary up to the end of its log. Every record there is durable, and with asynchronous
 * replication durable is committed. Triggers are suspended meanwhile and restored by the next `PrimaryConnection.open`,
 * so a crash in the middle of this only means that the rest is done at the next start.
 */
export function replayWholeLog(file: string, log: TransactionLog, limits: ApplyLimits): void {
  const connection = ReplicaConnection.open(file);
  try {
    const applied = connection.readPosition();
    for (const slice of slices(log.records(applied.txId + 1), log.tip.txId, limits)) {
      applyRecords(connection, slice);
    }
  } finally {
    connection.close();
  }
}

/**
 * Opens the SQLite file of a primary at the end of its log, replaying what it lacks. When it lacks something that is not
 * known to be committed it stays as it is, and the transaction up to which it goes is returned.
 */
export function openAtLogEnd(
  file: string,
  log: TransactionLog,
  limits: DatabaseLimits,
  isTailCommitted: boolean,
): PrimaryConnection | number {
  const { maxTransactionBytes, maxValueBytes, maxResultBytes } = limits;
  const open = () => PrimaryConnection.open(file, { maxTransactionBytes, maxValueBytes, maxResultBytes });
  const connection = open();
  const appliedTxId = checkedPosition(connection, log);
  if (appliedTxId >= log.tip.txId) {
    return connection;
  }
  connection.close();
  if (!isTailCommitted) {
    return appliedTxId;
  }
  replayWholeLog(file, log, limits);
  return open();
}

function checkedPosition(connection: PrimaryConnection, log: TransactionLog): number {
  try {
    const applied = connection.readPosition();
    checkAgainstLog(applied, log);
    return applied.txId;
  } catch (error) {
    connection.close();
    throw error;
  }
}
