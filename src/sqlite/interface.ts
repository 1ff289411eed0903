/**
 * The public face of the `sqlite` layer, the only importer of `node:sqlite`.
 *
 * `PrimaryConnection` runs SQL and captures what it did; `ReplicaConnection` applies what was captured;
 * `ReadConnection` reads. How changes are captured, and why so, is told in `src/sqlite/DESIGN.md`.
 */
export type { CheckpointMode, CheckpointResult } from './checkpoint.ts';
export { checkpointFile } from './checkpoint.ts';
export { dumpStatements } from './dump.ts';
export { exportDatabase } from './export.ts';
export { FileLock } from './file-lock.ts';
export type { ToleratedRow } from './forced-change.ts';
export { FrozenFile } from './frozen-file.ts';
export { checkKey, idempotencyWindowMs, type KeyedTransaction } from './idempotency-keys.ts';
export { type ImportedChunk, type ImportOptions, type ImportProgress, importDatabase } from './import.ts';
export { type LogicalDigest, logicalDigest } from './logical-digest.ts';
export { markerIdBytes, markerOf } from './marker.ts';
export {
  type KeyRange,
  PinnedSnapshot,
  type RangeDigest,
  type RangeLimits,
  type RowLimits,
  type RowPage,
  SnapshotConnection,
  type SnapshotOverview,
  type SnapshotRow,
  type SnapshotTable,
} from './pinned-snapshot.ts';
export { PrimaryConnection } from './primary-connection.ts';
export type { PrimaryOptions } from './primary-options.ts';
export { type QueryOptions, ReadConnection, type ReadOptions, type RowObject } from './read-connection.ts';
export type { ReadableChange } from './readable-operations.ts';
export { ReplicaConnection } from './replica-connection.ts';
export type { RepairedRow, RepairOutcome, WantedRow } from './row-repair.ts';
export { type Durability, SharedFile } from './shared-file.ts';
export { checkSnapshot, copySnapshot } from './snapshot.ts';
export { classify } from './statement-kind.ts';
export { type SplitScript, splitScript, splitStatements } from './statement-splitter.ts';
export { readStatements, type StatementText, type TransactionCommand } from './statement-text.ts';
export { termStartOperations } from './term-start.ts';
export { firstKeyword, quoteIdentifier } from './tokenizer.ts';
export type {
  AppliedPosition,
  CapturedTransaction,
  SqlParameters,
  SqlValue,
  Statement,
  StatementDescription,
  StatementKind,
  StatementResult,
} from './types.ts';
export { unsupportedValue } from './value-binding.ts';
