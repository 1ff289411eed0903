/**
 * The closed list of error codes: the only place where a code is defined. `docs/errors.md` is generated from it.
 *
 * `grpc` is a status number of https://grpc.io/docs/guides/status-codes/, `http` an HTTP status, `exit` the exit code of
 * the command line. `retryable` says whether the same request may succeed later without anybody changing anything.
 */
interface CodeEntry {
  readonly grpc: number;
  readonly http: number;
  readonly exit: number;
  readonly retryable: boolean;
  /** One sentence for people: when this code is used. */
  readonly meaning: string;
}

const grpc = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

function entry(grpcStatus: number, http: number, exit: number, meaning: string, retryable = false): CodeEntry {
  return { grpc: grpcStatus, http, exit, retryable, meaning };
}

// biome-ignore format: one line for each code reads as the table that it is.
export const errorCodes = {
  INVALID_ARGUMENT: entry(grpc.invalidArgument, 400, 2, 'An option, a parameter or a request is not valid.'),
  SQL_ERROR: entry(grpc.invalidArgument, 400, 3, 'SQLite refused the statement (syntax, unknown table, type).'),
  CONSTRAINT_VIOLATION: entry(grpc.failedPrecondition, 409, 3, 'A UNIQUE, NOT NULL, CHECK or FOREIGN KEY constraint refused the change.'),
  UNSUPPORTED_STATEMENT: entry(grpc.unimplemented, 400, 3, 'The statement cannot be replicated, or would change what replication relies on.'),
  INTEGER_OUT_OF_RANGE: entry(grpc.outOfRange, 400, 3, 'An integer beyond 2^53 was read without the bigint option.'),
  READ_ONLY_REPLICA: entry(grpc.failedPrecondition, 409, 4, 'A write was sent to a replica; the message names the primary.'),
  READ_ONLY_QUERY: entry(grpc.failedPrecondition, 400, 4, 'A statement that writes was sent where only reads are allowed.'),
  SQL_NO_STATEMENT: entry(grpc.invalidArgument, 400, 3, 'A text was sent as a statement and holds none.'),
  SQL_MANY_STATEMENTS: entry(grpc.invalidArgument, 400, 3, 'Several statements were sent where one is expected.'),
  SQL_NOT_STORED: entry(grpc.invalidArgument, 400, 3, 'A request refers to SQL that was not stored before.'),
  SQL_STORE_TOO_MANY: entry(grpc.resourceExhausted, 413, 5, 'More texts were stored than one stream or connection may store.'),
  SQL_STORE_TOO_LARGE: entry(grpc.resourceExhausted, 413, 5, 'The texts that one stream or connection stores are too large together.'),
  ARGS_INVALID: entry(grpc.invalidArgument, 400, 3, 'The values of a statement do not fit its parameters.'),
  ARGS_BOTH_POSITIONAL_AND_NAMED: entry(grpc.invalidArgument, 400, 3, 'A statement came with positional and with named values.'),
  STREAM_EXPIRED: entry(grpc.notFound, 404, 6, 'The stream is gone: it was idle for too long, its request broke off, or the server started again.', true),
  STREAM_NOT_OPEN: entry(grpc.failedPrecondition, 400, 6, 'No stream or cursor of that number is open on the connection.'),
  TRANSACTION_TOO_LARGE: entry(grpc.resourceExhausted, 413, 5, 'The transaction exceeds the limit on the bytes of one log record.'),
  RESULT_TOO_LARGE: entry(grpc.resourceExhausted, 413, 5, 'The result of a query exceeds the limit on its bytes.'),
  MESSAGE_TOO_LARGE: entry(grpc.resourceExhausted, 413, 5, 'A message or a statement exceeds its size limit.'),
  OVERLOADED: entry(grpc.resourceExhausted, 503, 5, 'A bounded queue is full.', true),
  QUERY_TIMEOUT: entry(grpc.deadlineExceeded, 504, 6, 'The query ran longer than its time limit and was stopped.'),
  TRANSACTION_TIMEOUT: entry(grpc.aborted, 408, 6, 'An interactive transaction passed its idle or total time limit and was rolled back.', true),
  WAIT_TIMEOUT: entry(grpc.deadlineExceeded, 504, 6, 'A position was not reached within the time limit.', true),
  TOO_STALE: entry(grpc.unavailable, 503, 6, 'This node shows older data than the read allows; another may show newer.', true),
  TRANSACTION_CLOSED: entry(grpc.failedPrecondition, 409, 6, 'The interactive transaction has ended already.'),
  QUORUM_UNAVAILABLE: entry(
    grpc.unavailable,
    503,
    7,
    'Too few replicas acknowledge; the write waited its time and was not begun.',
    true,
  ),
  NOT_IN_GROUP: entry(grpc.failedPrecondition, 409, 9, 'The node is in no replication group of that database, or there is none.'),
  GROUP_EXISTS: entry(grpc.alreadyExists, 409, 8, 'A replication group of that database exists already.'),
  NODE_ID_IN_USE: entry(grpc.failedPrecondition, 409, 9, 'Another node of a group has the id of this one, as after a data folder was copied.'),
  COORDINATOR_UNAVAILABLE: entry(grpc.unavailable, 503, 11, 'The coordinator cannot be reached or has no majority now.', true),
  STEPPED_DOWN: entry(grpc.unavailable, 503, 7, 'The database ceased to be primary before the write was begun; nothing of it was done.', true),
  LEASE_LOST: entry(grpc.failedPrecondition, 409, 4, 'A lease has ended: another node may be primary.', true),
  COMMIT_IN_DOUBT: entry(grpc.aborted, 500, 7, 'The transaction may or may not have been committed; ask for its id later.'),
  DATABASE_NOT_FOUND: entry(grpc.notFound, 404, 8, 'No database of that name exists on this node.'),
  DATABASE_EXISTS: entry(grpc.alreadyExists, 409, 8, 'A database of that name exists already.'),
  DATABASE_UNLOADED: entry(grpc.failedPrecondition, 409, 8, 'The database is unloaded.'),
  DATABASE_LOCKED: entry(grpc.unavailable, 503, 8, 'Another process holds the database or the data directory.', true),
  USER_NOT_FOUND: entry(grpc.notFound, 404, 8, 'No user of that name exists.'),
  USER_EXISTS: entry(grpc.alreadyExists, 409, 8, 'A user of that name exists already.'),
  WRONG_ROLE: entry(grpc.failedPrecondition, 409, 9, 'The request does not fit the role of this database.'),
  UNAUTHENTICATED: entry(grpc.unauthenticated, 401, 10, 'Credentials are missing, wrong or expired.'),
  PERMISSION_DENIED: entry(grpc.permissionDenied, 403, 10, 'The user lacks the permission for this.'),
  UNAVAILABLE: entry(grpc.unavailable, 503, 11, 'The node or the database cannot be reached now.', true),
  WRITER_STALLED: entry(grpc.unavailable, 503, 11, 'The writer of the database has been at one statement or fsync for too long; reads go on.', true),
  TLS_FAILED: entry(grpc.failedPrecondition, 502, 20, 'No secure connection: a certificate is missing, expired, not trusted or made for another name.'),
  PROTOCOL_ERROR: entry(grpc.invalidArgument, 400, 12, 'A peer sent something that the protocol does not allow.'),
  PROTOCOL_VERSION: entry(grpc.failedPrecondition, 400, 12, 'The peer speaks no protocol version in common with this node.'),
  WRONG_DATABASE: entry(grpc.failedPrecondition, 409, 13, 'The upstream database is not the one this replica was made from.'),
  REPLICATION_LOOP: entry(grpc.failedPrecondition, 409, 13, 'The upstream follows this very replica, directly or through others, or the chain is too long.'),
  STALE_TERM: entry(grpc.failedPrecondition, 409, 13, 'The peer has a lower term than this node has promised to follow.'),
  DIVERGED: entry(grpc.dataLoss, 409, 14, 'The histories of two nodes differ; nothing is applied over the difference.'),
  SCHEMA_MISMATCH: entry(grpc.dataLoss, 409, 14, 'A record was written under another schema than this database has.'),
  SNAPSHOT_REQUIRED: entry(grpc.outOfRange, 409, 14, 'The upstream no longer has the records this replica needs.'),
  LOG_CORRUPT: entry(grpc.dataLoss, 500, 15, 'The transaction log is damaged in the middle; the database is not opened.'),
  DATABASE_CORRUPT: entry(grpc.dataLoss, 500, 15, 'The SQLite file is damaged or is not at a position of its log.'),
  DISK_FULL: entry(grpc.resourceExhausted, 507, 16, 'No space is left for the log or the database; reads go on.', true),
  FORMAT_VERSION: entry(grpc.failedPrecondition, 409, 15, 'A file was written in a format that this version of Quorate does not read.'),
  IO_ERROR: entry(grpc.internal, 500, 16, 'The operating system refused a file operation.'),
  ADDRESS_IN_USE: entry(grpc.failedPrecondition, 409, 17, 'Another process listens on the address.'),
  NOT_IMPLEMENTED: entry(grpc.unimplemented, 501, 18, 'The peer does not know this request.'),
  CANCELLED: entry(1, 499, 19, 'The caller, or the node on its way down, ended the request.', true),
  INTERNAL: entry(grpc.internal, 500, 70, 'A defect of Quorate; please report it.'),
} as const satisfies Record<string, CodeEntry>;

export type ErrorCode = keyof typeof errorCodes;

/** The gRPC status number for a code. */
export function grpcStatusOf(code: ErrorCode): number {
  return errorCodes[code].grpc;
}

/** The HTTP status for a code. */
export function httpStatusOf(code: ErrorCode): number {
  return errorCodes[code].http;
}

/** The exit code of the command line for a code; 0 is success, 1 is unused. */
export function exitCodeOf(code: ErrorCode): number {
  return errorCodes[code].exit;
}
