/**
 * The public face of the `sqlite` layer, the only importer of `node:sqlite`.
 *
 * `PrimaryConnection` runs SQL and captures what it did; `ReplicaConnection` applies what was captured;
 * `ReadConnection` reads. How changes are captured, and why so, is told in `src/sqlite/DESIGN.md`.
 */

export { exportDatabase } from './export.ts';
export { type ImportProgress, importDatabase } from './import.ts';
export { logicalDigest } from './logical-digest.ts';
export { PrimaryConnection } from './primary-connection.ts';
export { FileLock } from './file-lock.ts';
export { ReadConnection } from './read-connection.ts';
export { ReplicaConnection } from './replica-connection.ts';
export { splitStatements } from './tokenizer.ts';
export type {
  AppliedPosition,
  CapturedTransaction,
  SqlParameters,
  SqlValue,
  Statement,
  StatementKind,
  StatementResult,
} from './types.ts';
