import type { followingOptions, OptionValues } from '../config/interface.ts';
import type { Logger } from '../runtime/interface.ts';

/** A value of SQLite. A number that is whole is stored as INTEGER. */
export type SqlValue = null | number | bigint | string | Uint8Array;

/** Values by position, or by name with or without its prefix. */
export type SqlParameters = readonly SqlValue[] | Readonly<Record<string, SqlValue>>;

/** A row as an object: column name to value. Of two columns with one name the last one wins. */
export type Row = Record<string, SqlValue>;

/** A statement of a batch. */
export interface Statement {
  readonly sql: string;
  readonly parameters?: SqlParameters | undefined;
}

/** Durations in milliseconds; docs/options.md lists them. */
export type ClientLimits = OptionValues<typeof followingOptions>;

/** Where reads go that any node may answer. */
export type ReadPreference =
  /** The primary alone. */
  | 'primary'
  /** Nodes of the own zone first, then those that have answered fastest lately. */
  | 'nearest'
  /** One node after the other. */
  | 'round-robin'
  /** Those that are behind the least, as they last said. */
  | 'least-lag';

/** What a read may show; docs/following-client.md says what each level guarantees. */
export type Consistency =
  /** Whatever the node has. */
  | 'any'
  /** Everything that this session has written or read, on whatever node. */
  | 'session'
  /** Everything that was committed before the read began. */
  | 'linearizable'
  /** Nothing that is older, or further behind. */
  | { readonly maxLagMs?: number | undefined; readonly maxLagTransactions?: number | undefined };

/** How many replicas must have a write before it is answered. */
export type AckLevel =
  | { readonly kind: 'async' | 'quorum' }
  | { readonly kind: 'sync' | 'applied'; readonly acks: number };

export interface ConnectOptions {
  /** HTTP addresses of some nodes, such as `http://127.0.0.1:3380`; the others are found through them. */
  readonly nodes: readonly string[];
  readonly database: string;
  /** A token; or a user and a password, with which the client logs in at each node. */
  readonly token?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Where this program runs, as the nodes name their zones. */
  readonly zone?: string | undefined;
  /** Default `nearest`. */
  readonly readPreference?: ReadPreference | undefined;
  /** Level of reads that do not say another one. Default `session`. */
  readonly consistency?: Consistency | undefined;
  /** Send every write with an idempotency key, so that it can be sent again. Default true. */
  readonly idempotent?: boolean | undefined;
  /** Certificates of authorities (PEM) that nodes are trusted by. Default: those of the system. */
  readonly ca?: string | undefined;
  readonly limits?: { readonly [K in keyof ClientLimits]?: number | undefined } | undefined;
  /** Where the client writes what happens. Default: nowhere. */
  readonly logger?: Logger | undefined;
}

export interface OperationOptions {
  /** Milliseconds for everything, with all attempts. Default: the limit `timeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /**
   * Integers as `bigint`. Default false: as `number`, and INTEGER_OUT_OF_RANGE for one that a number cannot hold exactly.
   */
  readonly bigint?: boolean | undefined;
}

export interface QueryOptions extends OperationOptions {
  /** Default: the level given to `connect`. */
  readonly consistency?: Consistency | undefined;
}

export interface WriteOptions extends OperationOptions {
  /** Idempotency key, 1 to 200 characters. Default: one that the client makes. */
  readonly key?: string | undefined;
  /** Default: the level of the database. */
  readonly acks?: AckLevel | undefined;
}

/** What one statement of a write did. */
export interface StatementOutcome<R extends object = Row> {
  /** Rows inserted, updated or deleted by the statement itself, not by triggers. */
  readonly changes: number;
  /** Rowid of an insert; undefined for anything else. */
  readonly lastInsertRowid: bigint | undefined;
  readonly rows: R[];
}

interface Committed {
  /** Token of the transaction, for `session` and for `waitFor` of the library. */
  readonly position: string;
  /** Replicas that held the transaction durably when it was answered. */
  readonly acks: number;
  /**
   * An earlier attempt, or an earlier write with the same key, has taken effect and its answer was lost: changes, rowid and
   * rows are not known any more.
   */
  readonly repeated: boolean;
}

export interface ExecuteResult<R extends object = Row> extends StatementOutcome<R>, Committed {}

export interface BatchResult extends Committed {
  readonly results: readonly StatementOutcome[];
}

/** A transaction over several requests, on the primary. It is never repeated. */
export interface Transaction {
  /** @throws QuorateError SQL_ERROR, TRANSACTION_CLOSED, TRANSACTION_TIMEOUT, UNAVAILABLE when the primary has gone */
  query<R extends object = Row>(sql: string, parameters?: SqlParameters): Promise<R[]>;
  /** @throws as `query` does; CONSTRAINT_VIOLATION */
  execute<R extends object = Row>(sql: string, parameters?: SqlParameters): Promise<StatementOutcome<R>>;
}

/** A node, as the nodes tell of each other. */
export interface MemberView {
  readonly nodeId: string;
  readonly name: string;
  /** Where clients reach it; null when that is not known. */
  readonly httpUrl: string | null;
  readonly role: 'primary' | 'replica' | 'witness';
  /** May be empty. */
  readonly zone: string;
  /** State of its database, or of its replicator; `unreachable` when it does not answer. */
  readonly state: string;
  /** Null when it is not known. */
  readonly lagMs: number | null;
  readonly lagTransactions: number | null;
  /** Last transaction that it shows. */
  readonly txId: number;
  /** Whether its acknowledgements are waited for. */
  readonly isSync: boolean;
}

/** Who is primary, and who else has the database: the views of all nodes that answer, put together. */
export interface Topology {
  readonly term: number;
  /** Node id; null while nobody is known to be primary. */
  readonly primary: string | null;
  readonly members: readonly MemberView[];
}

/** What is in use of what is bounded, and what has happened since `connect`. */
export interface ClientStatus {
  readonly topology: Topology;
  /** Operations that run or wait now; at most `maxOperations`. */
  readonly operations: number;
  /** Attempts that failed; most are followed by another one. */
  readonly failedAttempts: number;
  /** Writes of which it had to be asked whether they were committed. */
  readonly doubts: number;
  readonly nodes: readonly NodeUse[];
}

export interface NodeUse {
  readonly url: string;
  readonly nodeId: string | undefined;
  readonly isConnected: boolean;
  /** Streams in use; at most `maxStreams`. */
  readonly streams: number;
  /** Operations that wait for a stream. */
  readonly waiting: number;
  /** Mean of the latest answers, recent ones counting more; undefined before the first. */
  readonly latencyMs: number | undefined;
  /** Whether reads leave it out because it has failed. */
  readonly isExcluded: boolean;
}
