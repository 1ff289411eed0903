/** The package's door: what `import … from 'quorate'` gives. */
export { type ErrorCode, type ErrorDetails, errorCodes, isQuorateError, QuorateError } from '../errors/interface.ts';
export type { Logger } from '../runtime/interface.ts';
export type { GivenLimits, Limits, ListenOptions, QuorateOptions, TlsOptions } from './options.ts';
export { Quorate } from './quorate.ts';
export type { QuorateDatabase } from './quorate-database.ts';
export type {
  AckLevel,
  AsyncReadOptions,
  BatchResult,
  Consistency,
  DatabaseChange,
  DatabaseStatus,
  ExecuteResult,
  IntegerOptions,
  OpenDatabaseStatus,
  ReadOptions,
  ReplicaStatus,
  ReplicationStatus,
  Role,
  Row,
  SeedingProgress,
  Snapshot,
  SqlParameters,
  SqlValue,
  Statement,
  StatementOutcome,
  Transaction,
  UpstreamOptions,
  WaitOptions,
  WriteOptions,
} from './types.ts';
