/** The public face of the `database` layer: one database on one node. */

export { decodePosition, encodePosition, type Position } from '../position/interface.ts';
export { checkAckSettings, defaultAckSettings } from './acks.ts';
export { contentPath, sqlitePath } from './content-directory.ts';
export { Database } from './database.ts';
export type { DatabaseContext } from './database-context.ts';
export { setContentAside } from './database-files.ts';
export { failureOf } from './failure.ts';
export type { FeedOwner, FeedRunner, Feeds, RunningFeed } from './feed.ts';
export { forwardingLogger, type LogEntry, writeLogEntry } from './forwarding-logger.ts';
export { Leadership, type UpdateOptions } from './leadership.ts';
export { type DatabaseLimits, defaultDatabaseLimits } from './limits.ts';
export type { ReadOptions } from './readers/read-request.ts';
export type { ReadAnswer } from './readers/reader-messages.ts';
export { ReaderPool, type ReaderPoolOptions, type ReaderPoolStatus } from './readers/reader-pool.ts';
export type { ReadSnapshot, SnapshotLimits } from './readers/snapshot-readers.ts';
export { SharedPositions } from './shared-positions.ts';
export type {
  AckLevel,
  AckSettings,
  AckStatus,
  BeginOptions,
  DatabaseFailure,
  DatabasePositions,
  DatabaseSettings,
  InteractiveTransaction,
  LeadRequest,
  LogEnds,
  MemberPosition,
  PauseUntil,
  QueryOptions,
  RecordRun,
  RejoinReport,
  RejoinRequest,
  RepairPhase,
  RepairReport,
  RepairRequest,
  ReplicaHold,
  ReplicationSink,
  ReplicationSource,
  Role,
  SnapshotHeader,
  SnapshotInbox,
  SnapshotLease,
  SnapshotSource,
  StorageReport,
  TransactOptions,
  TransactResult,
  Upstream,
  Writer,
} from './types.ts';
export type { SnapshotCall, SnapshotCalls } from './verification-messages.ts';
export { maxVerifications, Verifications } from './verifications.ts';
export type { RecordTrace } from './write-trace.ts';
export { attachWriter, type WriterAttachment } from './writer-client.ts';
