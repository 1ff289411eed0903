import { defineOptions } from './option.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const second = 1000;
const minute = 60 * second;

/** Room for a few of them in the memory of one process. */
const maxBufferBytes = 1024 * mebibyte;

/** What SQLite takes at most in one value. */
const maxSqliteValueBytes = 1_000_000_000;

/** Limits of each database on a node: of its writer, its log and its replica. */
export const databaseLimitOptions = defineOptions('Limits of a database', {
  maxGroupTransactions: {
    type: 'integer',
    default: 512,
    min: 1,
    max: 100_000,
    help: 'Client transactions in one group commit.',
  },
  maxGroupBytes: {
    type: 'bytes',
    default: 8 * mebibyte,
    min: 64 * kibibyte,
    max: maxBufferBytes,
    help: 'Bytes of log records after which a group is closed.',
  },
  maxGroupMs: {
    type: 'duration',
    flag: 'max-group-time',
    default: 50,
    min: 1,
    max: 10 * second,
    help: 'Time after which a group is closed.',
  },
  writerQueueLimit: {
    type: 'integer',
    default: 10_000,
    min: 1,
    max: 10_000_000,
    help: 'Requests that wait for the writer; one more is refused with OVERLOADED.',
  },
  writerQueueBytes: {
    type: 'bytes',
    default: 256 * mebibyte,
    min: mebibyte,
    help: 'Bytes of the requests that wait for the writer.',
  },
  maxTransactionBytes: {
    type: 'bytes',
    default: 128 * mebibyte,
    min: 64 * kibibyte,
    max: maxBufferBytes,
    help: 'Size of the log record of one transaction.',
  },
  maxValueBytes: {
    type: 'bytes',
    default: 256 * mebibyte,
    min: mebibyte,
    max: maxSqliteValueBytes,
    help: 'Size of one text, blob or row; SQLite refuses to make a larger one (with Node 25.8 or newer; before, above 1 GB).',
  },
  maxResultBytes: {
    type: 'bytes',
    default: 64 * mebibyte,
    min: kibibyte,
    max: maxBufferBytes,
    help: 'Size of the result of one statement.',
  },
  transactionIdleTimeoutMs: {
    type: 'duration',
    default: 10 * second,
    min: 1,
    help: 'How long an open transaction may wait for its next statement.',
  },
  transactionTotalTimeoutMs: {
    type: 'duration',
    default: minute,
    min: 1,
    help: 'How long an open transaction may last.',
  },
  queryTimeoutMs: { type: 'duration', default: 30 * second, min: 1, help: 'How long a query may run.' },
  logSegmentBytes: {
    type: 'bytes',
    default: 16 * mebibyte,
    min: 64 * kibibyte,
    max: 1024 * mebibyte,
    help: 'Size of a file of the transaction log.',
  },
  logRetentionBytes: {
    type: 'bytes',
    default: 1024 * mebibyte,
    min: 64 * kibibyte,
    help: 'Log that is kept when no replica needs more.',
  },
  logRetentionAgeMs: {
    type: 'duration',
    default: 0,
    help: 'After how long records of the log go although there is room for them; 0 for never.',
  },
  logRetentionMinBytes: {
    type: 'bytes',
    default: 16 * mebibyte,
    help: 'Log that log-retention-age leaves.',
  },
  logRetentionMaxBytes: {
    type: 'bytes',
    default: 8 * 1024 * mebibyte,
    min: 64 * kibibyte,
    help: 'Log that is kept for replicas that are behind; one that is behind further has to be seeded by a snapshot.',
  },
  replicaRetentionAgeMs: {
    type: 'duration',
    default: 7 * 24 * 60 * minute,
    min: second,
    help: 'After how long a replica that says nothing is forgotten; the log is not kept for it any more.',
  },
  minFreeBytes: {
    type: 'bytes',
    default: 256 * mebibyte,
    help: 'Free space on the disk below which writes are refused with DISK_FULL; 0 for none.',
  },
  maxSnapshots: {
    type: 'integer',
    default: 2,
    min: 1,
    max: 100,
    help: 'Snapshots of a database that are kept for new replicas at once.',
  },
  snapshotTtlMs: {
    type: 'duration',
    flag: 'snapshot-ttl',
    default: 10 * minute,
    min: second,
    help: 'How long a snapshot is kept after a replica last read from it, so that an interrupted copy can go on.',
  },
  snapshotCopyBytes: {
    type: 'bytes',
    default: 16 * mebibyte,
    help: 'Size up to which a database is copied for a snapshot; a larger one is sent from its own file, without a copy.',
  },
  snapshotWalBytes: {
    type: 'bytes',
    default: 1024 * mebibyte,
    min: mebibyte,
    help: "Size of SQLite's WAL, which grows while a database is sent from its own file, from which on it is copied after all.",
  },
  tailCacheBytes: {
    type: 'bytes',
    default: 8 * mebibyte,
    max: maxBufferBytes,
    help: 'Newest log records kept in memory for replicas that keep up.',
  },
  maxUnappliedBytes: {
    type: 'bytes',
    default: 32 * mebibyte,
    min: 64 * kibibyte,
    max: maxBufferBytes,
    help: 'Received records kept in memory until they may be applied; beyond it they are read from the log again.',
  },
  maxApplyRecords: {
    type: 'integer',
    default: 2_000,
    min: 1,
    max: 1_000_000,
    help: 'Records that a replica applies in one SQLite transaction.',
  },
  maxApplyBytes: {
    type: 'bytes',
    default: 8 * mebibyte,
    min: 64 * kibibyte,
    max: maxBufferBytes,
    help: 'Bytes of records that a replica applies in one SQLite transaction.',
  },
});

/** Limits of a node: what its databases share. */
export const nodeLimitOptions = defineOptions('Limits of a node', {
  maxDatabases: { type: 'integer', default: 1000, min: 2, max: 100_000, help: 'Databases on this node.' },
  maxMessageBytes: {
    type: 'bytes',
    default: 16 * mebibyte,
    min: 64 * kibibyte,
    max: maxBufferBytes,
    help: 'Size of one gRPC message; larger records are sent in pieces.',
  },
  grpcMaxConnections: {
    type: 'integer',
    default: 10_000,
    min: 1,
    max: 1_000_000,
    help: 'Connections to the gRPC port at once, of clients and of replicas; one more is closed at once.',
  },
  grpcMaxConnectionCalls: {
    type: 'integer',
    default: 1_000,
    min: 1,
    max: 1_000_000,
    help: 'Calls that one of them may have open at once, streams among them; clients keep more back until one has ended.',
  },
  readerProcesses: { type: 'integer', default: 2, min: 1, max: 256, help: 'Processes that run queries.' },
  readerIdleTimeoutMs: {
    type: 'duration',
    default: minute,
    min: second,
    help: 'After how long without a query a reader process ends.',
  },
  readerQueueLimit: {
    type: 'integer',
    default: 10_000,
    min: 1,
    max: 10_000_000,
    help: 'Queries that wait for a reader process; one more is refused with OVERLOADED.',
  },
  maxReadTransactions: {
    type: 'integer',
    default: 256,
    min: 1,
    max: 100_000,
    help: 'Transactions that only read and stay open over several requests; one more is refused with OVERLOADED.',
  },
  writerStallTimeoutMs: {
    type: 'duration',
    default: 30 * second,
    help: 'After how long at one statement or fsync a writer counts as stalled: status, metrics and health checks say so. 0 never.',
  },
  writerStallLiveness: {
    type: 'boolean',
    default: false,
    help: 'Answer 503 on /liveness while a writer is stalled, so that whoever watches it starts the server again.',
  },
  drainDelayMs: {
    type: 'duration',
    default: 0,
    max: 10 * minute,
    help: 'How long a server that is told to stop serves on after its health checks have turned, so that load balancers notice.',
  },
  drainTimeoutMs: {
    type: 'duration',
    default: 5 * second,
    max: 10 * minute,
    help: 'How long running requests may then go on.',
  },
  maxGroups: {
    type: 'integer',
    default: 99,
    min: 1,
    max: 99,
    help: 'Replication groups that this node takes part in; it gives a sign of life for each that it leads.',
  },
  groupWriteWaitMs: {
    type: 'duration',
    default: 10 * second,
    max: 10 * minute,
    help: 'How long a write to a database of a group waits while it has no primary.',
  },
  scrubIntervalMs: {
    type: 'duration',
    default: 20 * second,
    help: 'How often a replica is compared with its upstream in the background, counted from the end of the last time; 0 never.',
  },
  scrubRateBytes: {
    type: 'bytes',
    flag: 'scrub-bytes-per-second',
    default: 4 * mebibyte,
    min: 64 * kibibyte,
    help: 'Bytes of rows that are compared in a second in the background.',
  },
  maxReplicas: {
    type: 'integer',
    default: 1000,
    min: 1,
    max: 100_000,
    help: 'Replicas that follow one database at once; one more is refused with OVERLOADED.',
  },
});

/** Limits of replication, for each upstream and each replica of a node. */
export const replicationLimitOptions = defineOptions('Limits of replication', {
  exportBatchBytes: {
    type: 'bytes',
    default: 256 * kibibyte,
    min: 4 * kibibyte,
    max: 64 * mebibyte,
    help: 'Records read and sent at once to one replica.',
  },
  exportMessageBytes: {
    type: 'bytes',
    default: mebibyte,
    min: 4 * kibibyte,
    max: 64 * mebibyte,
    help: 'Size of one message of records; a larger record is cut into several.',
  },
  snapshotChunkBytes: {
    type: 'bytes',
    default: mebibyte,
    min: 4 * kibibyte,
    max: 4 * mebibyte,
    help: 'Bytes of a snapshot in one message.',
  },
  snapshotRateBytes: {
    type: 'bytes',
    default: 0,
    help: 'Bytes of a snapshot sent to one replica in a second; 0 for no limit.',
  },
  snapshotWriteLossPercent: {
    type: 'integer',
    default: 10,
    min: 1,
    max: 100,
    help: 'Percent of the speed of the writers of a database that the sending of a snapshot may take; 100 for all of it.',
  },
  snapshotSeedBytes: {
    type: 'bytes',
    default: 64 * mebibyte,
    help: 'Size of a log from which on a new replica gets a snapshot, if the database is smaller than its log.',
  },
  receiveWindowBytes: {
    type: 'bytes',
    default: 16 * mebibyte,
    min: 64 * kibibyte,
    max: maxBufferBytes,
    help: 'Records received and not yet durable at which a replica stops reading.',
  },
  maxRecordBytes: {
    type: 'bytes',
    default: 1024 * mebibyte,
    min: 64 * kibibyte,
    max: maxBufferBytes,
    help: 'Size of one record that a replica accepts.',
  },
  heartbeatIntervalMs: {
    type: 'duration',
    default: 500,
    min: 10,
    max: minute,
    help: 'How often an idle stream of records says where its sender is.',
  },
  upstreamTimeoutMs: {
    type: 'duration',
    default: 10 * second,
    min: 100,
    help: 'After how long without a message a replica takes its upstream for dead and connects again.',
  },
  backoffInitialMs: {
    type: 'duration',
    flag: 'replication-backoff-initial',
    default: 100,
    min: 1,
    max: minute,
    help: 'First wait of a replica before it connects again; doubles each time, with jitter.',
  },
  backoffMaxMs: {
    type: 'duration',
    flag: 'replication-backoff-max',
    default: 10 * second,
    min: 1,
    max: 60 * minute,
    help: 'Longest wait of a replica before it connects again.',
  },
  refusedRetryMs: {
    type: 'duration',
    flag: 'replication-refused-retry',
    default: 30 * second,
    min: 1,
    help: 'Wait of a replica before another attempt after an error that only a person can fix.',
  },
});
