import type { DatabaseFiles } from './database-files.ts';
import type { ReplicaHolds } from './replica-holds.ts';
import type { DatabaseSource } from './replication-source.ts';
import type { SharedPositions } from './shared-positions.ts';
import type { SnapshotStore } from './snapshot-store.ts';
import type { StorageReport } from './types.ts';
import type { Verifications } from './verifications.ts';
import type { WriterHold } from './writer-hold.ts';
import type { WriterTimings } from './writer-timings.ts';

/** What is in the bounded parts of a database now; the limits are options of the same names. */
export interface DatabaseUsage {
  /** Requests that wait for the writer. */
  readonly writerQueue: number;
  readonly writerQueueBytes: number;
  /** Newest records in memory. */
  readonly tailCacheBytes: number;
  /** Records on their way from the writer to the node's thread, no more than the tail cache may have. */
  readonly streamedBytes: number;
  /** Records that were received and are not yet durable. */
  readonly receivedBytes: number;
  /** Records in memory until they are applied. */
  readonly unappliedBytes: number;
  /** Snapshots that are kept or being made. */
  readonly snapshots: number;
  /** Size of SQLite's WAL. */
  readonly walBytes: number;
  /** Snapshots that are compared with those of other nodes. */
  readonly verifications: number;
}

/** What was counted since the database was opened. */
export interface DatabaseCounts {
  /** Writes that took an idempotency key. */
  readonly keysTaken: number;
  /** Writes that were answered with the earlier one that had taken their key. */
  readonly keysRepeated: number;
  /** Traced transactions of which replicas were not told, because a message had no room for them. */
  readonly tracesNotTold: number;
  /** Traced transactions of which this replica did not follow the applying, because too many waited for it. */
  readonly tracesNotFollowed: number;
}

export interface GaugedParts {
  readonly writer: WriterHold;
  readonly source: DatabaseSource;
  readonly positions: SharedPositions;
  readonly snapshots: SnapshotStore;
  readonly verifications: Verifications;
  readonly holds: ReplicaHolds;
  readonly files: DatabaseFiles;
}

/** What a database tells of itself for status and metrics, without asking its writer. */
export class DatabaseGauges {
  readonly #parts: GaugedParts;

  constructor(parts: GaugedParts) {
    this.#parts = parts;
  }

  /** How long what the writer does has taken since the database was opened. */
  get timings(): Pick<WriterTimings, 'read'> {
    return this.#parts.positions.timings;
  }

  counts(): DatabaseCounts {
    const { positions, source } = this.#parts;
    return {
      keysTaken: positions.get('keysTaken'),
      keysRepeated: positions.get('keysRepeated'),
      tracesNotTold: source.untoldTraces,
      tracesNotFollowed: positions.get('tracesNotFollowed'),
    };
  }

  /** @throws QuorateError DATABASE_UNLOADED */
  usage(): DatabaseUsage {
    const { writer, source, positions, snapshots, verifications, files } = this.#parts;
    const { waitingCount, waitingBytes } = writer.client;
    return {
      writerQueue: waitingCount,
      writerQueueBytes: waitingBytes,
      tailCacheBytes: source.tailBytes,
      streamedBytes: positions.get('streamedBytes'),
      receivedBytes: positions.get('receivedBytes'),
      unappliedBytes: positions.get('unappliedBytes'),
      snapshots: snapshots.size,
      walBytes: files.walBytes(),
      verifications: verifications.size,
    };
  }

  /** What is on disk, what it is kept for, and what room there is. */
  storage(): StorageReport {
    const { positions, source, files, holds } = this.#parts;
    return {
      firstTxId: positions.get('logFirst'),
      logBytes: positions.get('logBytes'),
      databaseBytes: source.databaseBytes(),
      freeBytes: files.freeBytes(),
      holds: holds.list(),
    };
  }
}
