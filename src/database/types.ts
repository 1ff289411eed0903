import type { LogPosition, RecordBatch, Term, TxId } from '../log/interface.ts';
import type { Position } from '../position/interface.ts';
import type { Statement, StatementDescription, StatementResult, WantedRow } from '../sqlite/interface.ts';
import type { RecordTrace } from './write-trace.ts';

export type { Position };

export type Role = 'primary' | 'replica';

/** Where a replica fetches from. */
export interface Upstream {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly username: string;
  readonly password: string;
}

/** How many replicas must have a transaction before its client is told "committed". */
export type AckLevel =
  /** The primary alone holds it durably. */
  | { readonly kind: 'async' }
  /** So many replicas hold it durably. */
  | { readonly kind: 'sync'; readonly acks: number }
  /** A majority of the primary and the named replicas hold it durably. */
  | { readonly kind: 'quorum' }
  /** So many replicas hold it durably and show it to their readers. */
  | { readonly kind: 'applied'; readonly acks: number };

export interface AckSettings {
  readonly level: AckLevel;
  /** Names or ids of the replicas that count; all of them when empty. */
  readonly members: readonly string[];
  /** What happens while too few replicas acknowledge: writers wait, or after a time the level falls to `async`. */
  readonly whenShort: 'block' | 'degrade';
  /** Milliseconds of waiting after which a database that may degrade does so. */
  readonly degradeAfterMs: number;
  /** Milliseconds after which a waiting client is told COMMIT_IN_DOUBT. */
  readonly timeoutMs: number;
}

/** Whether the acknowledgements that a database asks for come. */
export type AckStatus =
  | 'reached'
  /** A transaction waits for them. */
  | 'waiting'
  /** Too few came for too long: nothing is asked for until they are back. */
  | 'degraded';

/** What a node remembers about one of its databases; kept in `settings.json` beside the data, readable by its owner only. */
export interface DatabaseSettings {
  readonly role: Role;
  /** Term in which this node last became primary of the database. */
  readonly term: Term;
  readonly replication: {
    /** Whether this node runs a replicator. A replica without one is fed through `ReplicateTx`. */
    readonly enabled: boolean;
    readonly upstream?: Upstream | undefined;
    /** Milliseconds by which a replica applies records later than they were written; it holds them at once all the same. */
    readonly delayMs?: number | undefined;
    /** Writes that this replica receives are sent to its primary. Default: they are refused. */
    readonly forwardWrites?: boolean | undefined;
    /** Id of the node because of whose whole server this replica is here; absent when a person made it. */
    readonly followed?: string | undefined;
  };
  /** Of a primary. Absent: `async`. */
  readonly acks?: AckSettings | undefined;
  /** The replication group that the database belongs to. It then opens as a replica that follows nobody, whatever it was before. */
  readonly group?: { readonly id: string } | undefined;
}

/** What a member of a group has, as it says when it promises a term. */
export interface MemberPosition {
  readonly promisedTerm: Term;
  /** End of its log; `txId` 0 when it has none. */
  readonly durable: LogPosition;
  /** Last record that it knows to be committed. */
  readonly committedTxId: TxId;
  /** Last record that it shows. */
  readonly appliedTxId: TxId;
  /** 16 bytes; undefined for a replica that has never met its upstream. */
  readonly databaseId: Uint8Array | undefined;
}

/** What makes a database the primary of a term. */
export interface LeadRequest {
  /** Higher than that of any record of its log, and not lower than any that it has promised. */
  readonly term: Term;
  /** Id of this node, as it was told to those who promised the term. */
  readonly candidate: string;
  readonly acks?: AckSettings | undefined;
  /** See `Leadership.setLease`. */
  readonly leaseUntilMs?: number | undefined;
  /** A database that never had a log begins one, as a new database. Default: it is refused. */
  readonly startsDatabase?: boolean | undefined;
}

/** Where a database stands; each number is a transaction id. */
export interface DatabasePositions {
  /** Last record in the log. */
  readonly tip: TxId;
  /** Last record fsynced. */
  readonly durable: TxId;
  /** Last record that may be shown. */
  readonly commit: TxId;
  /** Last record visible in SQLite. */
  readonly applied: TxId;
  /** Term of the last record, or of the reign if that is later. */
  readonly term: Term;
}

export interface TransactOptions {
  /** Integers of results as bigint. Default false. */
  readonly bigint?: boolean | undefined;
  /** Level of this transaction alone. Default: the level of the database. */
  readonly acks?: AckLevel | undefined;
  /**
   * Idempotency key, 1 to 200 characters: of all transactions sent with it within 24 hours one takes effect, also across
   * restarts and on a replica that has become primary. The others get the position of that one, and no results.
   */
  readonly key?: string | undefined;
}

export interface TransactResult {
  readonly results: readonly StatementResult[];
  /** Replicas that held the transaction durably when it was answered. */
  readonly acks: number;
  /** Position of the transaction; of the last committed one when nothing was changed. */
  readonly position: Position;
}

export interface BeginOptions {
  /** False: foreign keys are neither enforced nor acted on meanwhile, and checked at the commit. Default true. */
  readonly foreignKeys?: boolean | undefined;
}

/** An open BEGIN … COMMIT: it holds the writer alone. */
export interface InteractiveTransaction {
  run(statement: Statement, options?: TransactOptions): Promise<StatementResult>;
  /** What a statement would return, without running it. */
  describe(sql: string): Promise<StatementDescription>;
  /**
   * @param key idempotency key: when another transaction has taken it, this one is rolled back.
   * @throws QuorateError TRANSACTION_CLOSED, CONSTRAINT_VIOLATION, COMMIT_IN_DOUBT …
   */
  commit(key?: string): Promise<Position>;
  rollback(): Promise<void>;
}

/** Runs transactions on the writer thread of a database. */
export interface Writer {
  /**
   * Runs the statements as one transaction.
   * @throws QuorateError SQL_ERROR, CONSTRAINT_VIOLATION, READ_ONLY_REPLICA, TRANSACTION_TOO_LARGE, OVERLOADED,
   * COMMIT_IN_DOUBT, DISK_FULL …; `details.statement` is the index of the one that failed.
   */
  transact(statements: readonly Statement[], options?: TransactOptions): Promise<TransactResult>;
  /** Waits its turn, then holds the writer until it ends or passes its idle or total time limit. */
  begin(options?: BeginOptions): Promise<InteractiveTransaction>;
}

export interface QueryOptions {
  readonly bigint?: boolean | undefined;
  /** Milliseconds after which the query is stopped. Default: the node's limit. */
  readonly timeoutMs?: number | undefined;
}

export interface DatabaseFailure {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly atMs: number;
}

/** How a replica that is not what its upstream is gets rid of that. */
export interface RejoinRequest {
  /** Last transaction in common with the upstream; undefined when the logs do not reach back to it. */
  readonly commonTxId: TxId | undefined;
  /** Whether going back to it is of use: otherwise a snapshot is taken in any case. */
  readonly mayGoBack: boolean;
}

/** What became of a replica that was not what its upstream is. */
export interface RejoinReport {
  /** Last transaction in common; 0 when that is not known. */
  readonly commonTxId: TxId;
  /** Transactions that were saved: those after it, all of the log when it is not known. */
  readonly transactions: number;
  /** Where they are saved; empty when there were none. */
  readonly file: string;
  /** The log did not tell how to go back: the replica takes a snapshot, and nothing else before that. */
  readonly snapshot: boolean;
}

/**
 * How far the repair of a replica is that has stopped: it goes on, a comparison has found nothing any more, or it was given up.
 * While it goes on the replica applies records although rows are not as they were on the primary, and records those.
 */
export type RepairPhase = 'goes-on' | 'equal' | 'given-up';

/** Rows of one table that are to become what they are on the upstream. */
export interface RepairRequest {
  /** Position at which they were compared, for the record. */
  readonly txId: TxId;
  readonly table: string;
  readonly rows: readonly WantedRow[];
}

export interface RepairReport {
  readonly repaired: number;
  /** Rows that have changed since they were compared. */
  readonly skipped: number;
  /** Where the old and the new rows are recorded. */
  readonly file: string;
}
/** Whole records in a row, to be sent. */
export type RecordRun = Omit<RecordBatch, 'end'>;

/** What a database gives to those who follow it. */
/** What clients of a primary wait for at a moment. */
export interface Awaited {
  /** That replicas hold the newest records durably. */
  readonly durable: boolean;
  /** That replicas show what is committed. */
  readonly applied: boolean;
}

export interface ReplicationSource {
  /** 16 bytes; undefined for a replica that has never met its upstream. */
  readonly databaseId: Uint8Array | undefined;
  readonly role: Role;
  positions(): DatabasePositions;
  /** Highest record that may be sent: the tip of a primary and, for its candidate, of a member that has promised a term; the
   * commit position of another replica. */
  exportableTxId(): TxId;
  /** Position of a record, or undefined when the log has none of that number. */
  positionOf(txId: TxId): Promise<LogPosition | undefined>;
  /** Whole records from `fromTxId` on, at most about `maxBytes`, at least one. @throws QuorateError SNAPSHOT_REQUIRED */
  read(fromTxId: TxId, maxBytes: number): Promise<RecordRun>;
  /** The traced transactions from `fromTxId` through `throughTxId`, at most `limit`, as far as they are remembered. */
  traces(fromTxId: TxId, throughTxId: TxId, limit: number): readonly RecordTrace[];
  /** Calls back after records were appended or committed, until the returned function is called. */
  subscribe(listener: () => void): () => void;
  /** Tells the writer what the replicas have: one position for each that counts, the largest first. */
  acknowledge(durable: readonly TxId[], applied: readonly TxId[]): void;
  /** What clients wait for now, if anything. */
  awaited(): Awaited | undefined;
  /** How many replicas must hold the newest records before those who wait are answered. */
  awaitedCount(): number;
  /** How often records were cut from the end of the log: what was sent before that may not be part of it any more. */
  cutCount(): number;
  /** Oldest record in the log. */
  firstTxId(): TxId;
  /** Bytes of the log on disk. */
  logBytes(): number;
  /** Bytes of the records up to the tip; only its distance from `bytesAt` means something. */
  tipBytes(): number;
  /** What `tipBytes` was when the log ended with this record. */
  bytesAt(txId: TxId): Promise<number>;
  /** Bytes of the SQLite file. */
  databaseBytes(): number;
  /** Keeps the log for a replica from the record after `durableTxId` on. */
  hold(replicaId: string, replicaName: string, durableTxId: TxId): void;
  /** Names or ids of the replicas whose acknowledgements count; all when empty. */
  ackMembers(): readonly string[];
  /** Whether the settings ask for acknowledgements and have not been degraded. */
  asksForAcks(): boolean;
}

/** What a snapshot is: a SQLite file with the content of a database at one position. */
export interface SnapshotHeader {
  readonly snapshotId: string;
  readonly sizeBytes: number;
  /** 16 bytes. */
  readonly databaseId: Uint8Array;
  readonly position: LogPosition;
}

/** The use of a snapshot by one who sends it; it stays as long as somebody uses it, and for a time afterwards. */
export interface SnapshotLease extends Disposable {
  readonly header: SnapshotHeader;
  /** Reads at `offset`; returns how many bytes, 0 at the end. */
  read(target: Uint8Array, offset: number): Promise<number>;
  /** Of the whole file, computed as it is read. To be asked by one who has all of it: nobody keeps it for him any longer. */
  sha256(): Promise<Uint8Array>;
}

/** Gives snapshots to replicas. */
export interface SnapshotSource {
  /**
   * The snapshot of that id or, when there is none or it is of no use any more, another one: a recent one, or a new one.
   * @throws QuorateError OVERLOADED, DISK_FULL, IO_ERROR
   */
  acquire(snapshotId: string): Promise<SnapshotLease>;
}

/** Takes a snapshot in pieces and puts it in the place of what the database has. */
export interface SnapshotInbox {
  /** Nothing but a snapshot is wanted, also where the log could be followed. */
  readonly isRequired: boolean;
  /** What an earlier attempt has received; an empty id and 0 when there is nothing. */
  received(): { readonly snapshotId: string; readonly bytes: number };
  /**
   * Begins, or goes on at `offset` of the same snapshot. `promisedTerm`: what its sender was told that this replica has
   * promised; a promise of a later term ends the copy with STALE_TERM, up to the moment of the installation.
   * @throws QuorateError DIVERGED, WRONG_DATABASE, DISK_FULL, PROTOCOL_ERROR, STALE_TERM
   */
  begin(header: SnapshotHeader, offset: number, promisedTerm: Term): Promise<void>;
  /** @throws QuorateError PROTOCOL_ERROR for a gap, DISK_FULL, IO_ERROR */
  write(offset: number, content: Uint8Array): Promise<void>;
  /**
   * Checks everything that was received and installs it at once: a crash leaves the old content or the new one.
   * @throws QuorateError PROTOCOL_ERROR, DATABASE_CORRUPT when it is not what was sent; then the next attempt begins anew
   */
  install(sha256: Uint8Array): Promise<void>;
  /** Lets go of the file; what was received stays for the next attempt. */
  pause(): Promise<void>;
  /** Removes what was received: it is not needed any more. */
  discard(): Promise<void>;
}

/** A replica for which the log is kept. */
export interface ReplicaHold {
  readonly replicaId: string;
  readonly replicaName: string;
  /** Last record that it has confirmed: everything later is kept for it. */
  readonly durableTxId: TxId;
  /** When it was last heard, milliseconds since 1970. */
  readonly seenAtMs: number;
  /** The log no longer has what it needs: it must be seeded by a snapshot. */
  readonly lost: boolean;
}

/** What a database has on disk, and what may become of it. */
export interface StorageReport {
  /** Oldest record in the log. */
  readonly firstTxId: TxId;
  readonly logBytes: number;
  /** Bytes of the SQLite file. */
  readonly databaseBytes: number;
  /** Bytes free on the file system. */
  readonly freeBytes: number;
  /** Records that known replicas still need. */
  readonly holds: readonly ReplicaHold[];
}

/** Where the log of a replica ends, and from where on its upstream may have another history. */
export interface LogEnds {
  /** Last record in the log. */
  readonly durable: LogPosition;
  /** Last record that is known to be committed. */
  readonly committed: LogPosition;
  /** Positions between the two, newest first: all of the newest ones, and fewer the older they are. */
  readonly between: readonly LogPosition[];
}

/** What a replica offers to those who feed it. */
export interface ReplicationSink {
  readonly databaseId: Uint8Array | undefined;
  positions(): DatabasePositions;
  /** Bytes of the records that are in the log and not applied. */
  unappliedBytes(): number;
  ends(): Promise<LogEnds>;
  /** Starts an empty log of the given identity. @throws QuorateError WRONG_DATABASE when there is one of another identity */
  initialize(databaseId: Uint8Array): Promise<void>;
  /** The highest term that was promised to a candidate, 0 if there is none: nothing of a lower one is taken. */
  promisedTerm(): Term;
  /**
   * Cuts never-committed records above `txId`. `term`: here and below, that of the one who feeds the replica.
   * @throws QuorateError DIVERGED when a committed one would go, STALE_TERM
   */
  truncateAfter(txId: TxId, term: Term): Promise<void>;
  /**
   * Appends verified records and applies what is committed; resolves when the records are durable. `awaited` tells what
   * is urgent, `traces` which of the transactions are traced.
   * @throws QuorateError DIVERGED, PROTOCOL_ERROR, STALE_TERM, DISK_FULL, SCHEMA_MISMATCH
   */
  append(
    records: Uint8Array,
    commitTxId: TxId,
    term: Term,
    awaited?: Awaited,
    traces?: readonly RecordTrace[],
  ): Promise<void>;
  /** Learns of a higher commit position without new records. */
  commitTo(commitTxId: TxId, term: Term): void;
  /** Calls back after the durable or applied position moved, a term was promised, or applying failed. */
  subscribe(listener: () => void): () => void;
  /** Why this replica cannot apply any further, if so. */
  failure(): DatabaseFailure | undefined;
}

/** How far everything in the log is when a primary stands still: what is `logged` may still wait for replicas. */
export type PauseUntil = 'committed' | 'logged';
