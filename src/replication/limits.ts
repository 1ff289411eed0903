/** Limits of replication; each has an option of the server with the same meaning (docs/options.md). */
export interface ReplicationLimits {
  /** Bytes of records read and sent at once to one replica. */
  readonly exportBatchBytes: number;
  /** Bytes of one gRPC message; a larger record is cut into several. */
  readonly exportMessageBytes: number;
  /** Bytes of a snapshot in one message. */
  readonly snapshotChunkBytes: number;
  /** Bytes of a snapshot sent to one replica in a second; 0 for no limit. */
  readonly snapshotRateBytes: number;
  /** Percent of the writers' speed that the sending of a snapshot may take; 100 for all. */
  readonly snapshotWriteLossPercent: number;
  /** Bytes of log from which on a new replica gets a snapshot instead, if the database is smaller than its log. */
  readonly snapshotSeedBytes: number;
  /** Milliseconds between heartbeats. */
  readonly heartbeatIntervalMs: number;
  /** Bytes received and not yet durable at which a replica stops reading. */
  readonly receiveWindowBytes: number;
  /** Bytes of one record that a replica accepts. */
  readonly maxRecordBytes: number;
  /** Milliseconds without any message after which a replica takes its upstream for dead. */
  readonly upstreamTimeoutMs: number;
  /** First and largest wait before another attempt to connect, in milliseconds. */
  readonly backoffInitialMs: number;
  readonly backoffMaxMs: number;
  /** Wait before another attempt after an error that only a person can fix, in milliseconds. */
  readonly refusedRetryMs: number;
}

const mebibyte = 1024 * 1024;

export const defaultReplicationLimits: ReplicationLimits = {
  exportBatchBytes: mebibyte / 4,
  exportMessageBytes: mebibyte,
  snapshotChunkBytes: mebibyte,
  snapshotRateBytes: 0,
  snapshotWriteLossPercent: 10,
  snapshotSeedBytes: 64 * mebibyte,
  heartbeatIntervalMs: 500,
  receiveWindowBytes: 16 * mebibyte,
  maxRecordBytes: 1024 * mebibyte,
  upstreamTimeoutMs: 10_000,
  backoffInitialMs: 100,
  backoffMaxMs: 10_000,
  refusedRetryMs: 30_000,
};

/**
 * How long an upstream waits with the news that records are committed, when nobody waits for it: more often than not it
 * can travel with the next records. In milliseconds.
 */
export const commitNoticeMs = 1;

/**
 * How much later records leave for replicas that nobody waits for, while clients wait for others, in milliseconds. They come
 * to them several at once, and the processors and the network are free for those who are waited for.
 */
export const followerDelayMs = 2;

/** Traced transactions that one message names; of more, replicas do not tell what became of them. */
export const maxMessageTraces = 256;

/** How long a replica waits in the same way with the news that it has applied something, in milliseconds. */
export const appliedNoticeMs = 5;

/** Versions of the replication protocol that this node speaks. */
export const protocolVersions = { min: 1, max: 1 } as const;
