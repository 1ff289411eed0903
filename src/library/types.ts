import type { AckLevel, Role } from '../database/interface.ts';
import type { SqlParameters, SqlValue, Statement } from '../sqlite/interface.ts';

export type { AckLevel, Role, SqlParameters, SqlValue, Statement };

/** A row as an object: column name to value. Of two columns with one name the last one wins. */
export type Row = Record<string, SqlValue>;

/** How values of type INTEGER come back. */
export interface IntegerOptions {
  /**
   * Integers as `bigint`. Default false: as `number`, and INTEGER_OUT_OF_RANGE for one that a number cannot hold exactly.
   */
  readonly bigint?: boolean | undefined;
}

export interface WriteOptions extends IntegerOptions {
  /**
   * How many replicas must have this transaction before it is answered. Default: the level of the database. A level that
   * does not come in time is COMMIT_IN_DOUBT.
   */
  readonly acks?: AckLevel | undefined;
  /**
   * Idempotency key, 1 to 200 characters: of all writes with it within 24 hours one takes effect, also across restarts and
   * a change of primary. The others get its position, and no rows.
   */
  readonly key?: string | undefined;
}

export interface ReadOptions extends IntegerOptions {
  /**
   * Milliseconds. Looked at between two rows only, because nothing can interrupt a running step of SQLite on the
   * caller's thread; `queryAsync` has a hard limit. Default: no limit.
   */
  readonly timeoutMs?: number | undefined;
}

export interface AsyncReadOptions extends IntegerOptions {
  /** Milliseconds after which the query is stopped, whatever it does. Default: the limit `queryTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** What the read may show. Default `any`. */
  readonly consistency?: Consistency | undefined;
}

/** What a read on this node may show; docs/following-client.md says what each level guarantees. */
export type Consistency =
  /** Whatever the node has. */
  | 'any'
  /** Everything that was committed before the read began: on a primary only. */
  | 'linearizable'
  /** Nothing that is older, or further behind; a replica that is refuses with TOO_STALE. */
  | { readonly maxLagMs?: number | undefined; readonly maxLagTransactions?: number | undefined }
  /** The transaction of this token and everything before it: waits for it as `waitFor` does. */
  | { readonly position: string };

export interface WaitOptions {
  /** Milliseconds. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What one statement of a transaction did. */
export interface StatementOutcome<R extends object = Row> {
  /** Rows inserted, updated or deleted by the statement itself, not by triggers. */
  readonly changes: number;
  /** Rowid of the last insert; a bigint always, since a rowid may exceed 2^53. */
  readonly lastInsertRowid: bigint;
  /** What `RETURNING` or a SELECT gave; empty otherwise. */
  readonly rows: R[];
}

/** A committed transaction of one statement. */
export interface ExecuteResult<R extends object = Row> extends StatementOutcome<R> {
  /** Replicas that held the transaction durably when it was answered. */
  readonly acks: number;
  /** Token of the transaction, for `waitFor` on any node. */
  readonly position: string;
}

/** A committed transaction of several statements. */
export interface BatchResult {
  readonly results: readonly StatementOutcome[];
  /** Replicas that held the transaction durably when it was answered. */
  readonly acks: number;
  /** Token of the transaction, for `waitFor` on any node. */
  readonly position: string;
}

/**
 * A transaction over several calls. It holds the writer of its database alone, so keep it short: it ends by itself with
 * TRANSACTION_TIMEOUT after the limits `transactionIdleTimeoutMs` and `transactionTotalTimeoutMs`. Its reads see its own
 * writes. A statement that fails leaves no trace; when the error is caught, the transaction goes on without it.
 */
export interface Transaction {
  /** Reads. @throws QuorateError SQL_ERROR, TRANSACTION_CLOSED, TRANSACTION_TIMEOUT, INTEGER_OUT_OF_RANGE … */
  query<R extends object = Row>(sql: string, parameters?: SqlParameters, options?: IntegerOptions): Promise<R[]>;
  /** The first row, or undefined when there is none. @throws as `query` does */
  queryOne<R extends object = Row>(
    sql: string,
    parameters?: SqlParameters,
    options?: IntegerOptions,
  ): Promise<R | undefined>;
  /** Runs one statement. @throws QuorateError SQL_ERROR, CONSTRAINT_VIOLATION, TRANSACTION_CLOSED, TRANSACTION_TIMEOUT … */
  execute<R extends object = Row>(
    sql: string,
    parameters?: SqlParameters,
    options?: IntegerOptions,
  ): Promise<StatementOutcome<R>>;
}

/** Reads of one moment; it ends with the function that it was given to. */
export interface Snapshot {
  /** @throws QuorateError SQL_ERROR, READ_ONLY_QUERY, INTEGER_OUT_OF_RANGE, INVALID_ARGUMENT, QUERY_TIMEOUT */
  query<R extends object = Row>(sql: string, parameters?: SqlParameters, options?: ReadOptions): R[];
  /** The first row, or undefined when there is none. @throws as `query` does */
  queryOne<R extends object = Row>(sql: string, parameters?: SqlParameters, options?: ReadOptions): R | undefined;
}

/** The database of a server that a replica follows. */
export interface UpstreamOptions {
  /** Host name or IP address. */
  readonly host: string;
  /** gRPC port. Default 3322. */
  readonly port?: number | undefined;
  /** Default: the database of the same name. */
  readonly database?: string | undefined;
  /** A user with admin permission on that database. */
  readonly username: string;
  readonly password: string;
}

/** A change of a database's role; what is absent stays as it is. */
export interface DatabaseChange {
  readonly role?: Role | undefined;
  /** Follow this database instead. */
  readonly upstream?: UpstreamOptions | undefined;
  /** Whether a replica fetches from its upstream by itself. */
  readonly replicationEnabled?: boolean | undefined;
}

/** Where a database of this node stands. Transactions are numbered 1, 2, 3 … in each database. */
export interface DatabaseStatus {
  readonly name: string;
  readonly state: 'opening' | 'importing' | 'open' | 'unloaded' | 'failed';
  /** Absent unless the state is `open`. */
  readonly open?: OpenDatabaseStatus | undefined;
  /** Why it is not open, or why it cannot write or apply. */
  readonly failure?: { readonly code: string; readonly message: string; readonly hint: string } | undefined;
}

export interface OpenDatabaseStatus {
  readonly role: Role;
  /** Token of what this node shows. */
  readonly position: string;
  /** Last transaction in the log. */
  readonly tipTxId: number;
  /** Last transaction that is on disk for good. */
  readonly durableTxId: number;
  /** Last transaction that reads see. */
  readonly appliedTxId: number;
  readonly logSizeBytes: number;
  /** Absent for a database that follows nobody. */
  readonly replication?: ReplicationStatus | undefined;
  /** Those who follow this database now. */
  readonly replicas: readonly ReplicaStatus[];
}

export interface ReplicationStatus {
  /** `streaming` when all is well; the others are told in docs/replication-protocol.md. */
  readonly state: string;
  /** Why it is not streaming, for people; may be empty. */
  readonly reason: string;
  /** `host:port/database`. */
  readonly upstream: string;
  readonly lagTransactions: number;
  readonly lagMs: number;
  /** While a snapshot is copied or installed. */
  readonly snapshot?: SeedingProgress | undefined;
}

/** How far the copying of a snapshot is. */
export interface SeedingProgress {
  readonly receivedBytes: number;
  readonly sizeBytes: number;
  readonly bytesPerSecond: number;
  /** Until everything is received, at this rate; 0 when that is not known. */
  readonly secondsLeft: number;
}

export interface ReplicaStatus {
  readonly name: string;
  /** Last transaction that the replica holds on disk. */
  readonly durableTxId: number;
  /** Last transaction that its reads see. */
  readonly appliedTxId: number;
}
