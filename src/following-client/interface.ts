/** The door of the client that follows: what `import … from 'quorate/client'` gives. */
export { type ErrorCode, type ErrorDetails, errorCodes, isQuorateError, QuorateError } from '../errors/interface.ts';
export type { Logger } from '../runtime/interface.ts';
export { connect, type FollowingClient } from './connect.ts';
export type { Session } from './session.ts';
export type {
  AckLevel,
  BatchResult,
  ClientLimits,
  ClientStatus,
  ConnectOptions,
  Consistency,
  ExecuteResult,
  MemberView,
  NodeUse,
  OperationOptions,
  QueryOptions,
  ReadPreference,
  Row,
  SqlParameters,
  SqlValue,
  Statement,
  StatementOutcome,
  Topology,
  Transaction,
  WriteOptions,
} from './types.ts';
