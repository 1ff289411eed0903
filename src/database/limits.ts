/** Limits of one database; each has an option of the server with the same meaning (docs/options.md). */
export interface DatabaseLimits {
  /** Client transactions in one group commit. */
  readonly maxGroupTransactions: number;
  /** Bytes of log records after which a group is closed. */
  readonly maxGroupBytes: number;
  /** Milliseconds after which a group is closed. */
  readonly maxGroupMs: number;
  /** Requests of one client that wait for the writer; one more is refused with OVERLOADED. */
  readonly writerQueueLimit: number;
  /** Bytes of those requests. */
  readonly writerQueueBytes: number;
  /** Bytes of one transaction's record. */
  readonly maxTransactionBytes: number;
  /** Bytes of one text, blob or row that SQL of clients may make or read. */
  readonly maxValueBytes: number;
  /** Bytes of the rows that one statement on the writer may return. */
  readonly maxResultBytes: number;
  /** Milliseconds an interactive transaction may wait for its next statement. */
  readonly transactionIdleTimeoutMs: number;
  /** Milliseconds an interactive transaction may last. */
  readonly transactionTotalTimeoutMs: number;
  /** Size of a log segment file in bytes. */
  readonly logSegmentBytes: number;
  /** Bytes of the newest records kept in memory for replicas that keep up. */
  readonly tailCacheBytes: number;
  /** Bytes of received records kept in memory until they may be applied; beyond it they are read from the log again. */
  readonly maxUnappliedBytes: number;
  /** Records applied in one SQLite transaction. */
  readonly maxApplyRecords: number;
  /** Bytes of records applied in one SQLite transaction. */
  readonly maxApplyBytes: number;
  /** Bytes of the log that are kept when nobody needs more. */
  readonly logRetentionBytes: number;
  /** Milliseconds after which records go although there is room for them; 0 for never. */
  readonly logRetentionAgeMs: number;
  /** Bytes of the log that age alone does not take. */
  readonly logRetentionMinBytes: number;
  /** Bytes of the log beyond which a replica that is too far behind loses what is kept for it. */
  readonly logRetentionMaxBytes: number;
  /** Milliseconds after which a replica that says nothing is forgotten. */
  readonly replicaRetentionAgeMs: number;
  /** Bytes free on the disk below which writes are refused. */
  readonly minFreeBytes: number;
  /** Snapshots of a database that are kept for replicas at once. */
  readonly maxSnapshots: number;
  /** Milliseconds that a snapshot is kept after a replica last read from it. */
  readonly snapshotTtlMs: number;
  /** Bytes of a database up to which a snapshot is a copy; a larger one is read from the database file itself. */
  readonly snapshotCopyBytes: number;
  /** Bytes of SQLite's WAL from which on a snapshot that is read from the database file becomes a copy. */
  readonly snapshotWalBytes: number;
  /** Milliseconds after which a read is stopped. */
  readonly queryTimeoutMs: number;
}

const mebibyte = 1024 * 1024;

export const defaultDatabaseLimits: DatabaseLimits = {
  maxGroupTransactions: 512,
  maxGroupBytes: 8 * mebibyte,
  maxGroupMs: 50,
  writerQueueLimit: 10_000,
  writerQueueBytes: 256 * mebibyte,
  maxTransactionBytes: 128 * mebibyte,
  maxValueBytes: 256 * mebibyte,
  maxResultBytes: 64 * mebibyte,
  transactionIdleTimeoutMs: 10_000,
  transactionTotalTimeoutMs: 60_000,
  logSegmentBytes: 16 * mebibyte,
  tailCacheBytes: 8 * mebibyte,
  maxUnappliedBytes: 32 * mebibyte,
  maxApplyRecords: 2_000,
  maxApplyBytes: 8 * mebibyte,
  logRetentionBytes: 1024 * mebibyte,
  logRetentionAgeMs: 0,
  logRetentionMinBytes: 16 * mebibyte,
  logRetentionMaxBytes: 8 * 1024 * mebibyte,
  replicaRetentionAgeMs: 7 * 24 * 60 * 60 * 1000,
  minFreeBytes: 256 * mebibyte,
  maxSnapshots: 2,
  snapshotTtlMs: 10 * 60 * 1000,
  snapshotCopyBytes: 16 * mebibyte,
  snapshotWalBytes: 1024 * mebibyte,
  queryTimeoutMs: 30_000,
};
