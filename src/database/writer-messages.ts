import type { Transferable } from 'node:worker_threads';
import type { SerializedError } from '../errors/interface.ts';
import type { SqlValue, Statement, StatementResult } from '../sqlite/interface.ts';
import type { MeasuredSpan } from '../tracing/interface.ts';
import type { AckWish } from './acks.ts';
import type { DatabaseLimits } from './limits.ts';
import type {
  AckLevel,
  AckSettings,
  AckStatus,
  Awaited,
  DatabaseFailure,
  PauseUntil,
  RejoinRequest,
  RepairPhase,
  RepairRequest,
  Role,
} from './types.ts';
import type { RecordTrace, WritePart } from './write-trace.ts';

/**
 * What travels between a writer thread and those who use it. Everything is made of tuples, because the structured
 * clone of an object with named fields costs half as much again on the hottest path there is.
 */

/** What only some transactions ask for. */
export interface TransactionWishes {
  readonly acks?: AckLevel | undefined;
  readonly key?: string | undefined;
  /** The span of one that is traced, as `traceparent` says it. */
  readonly trace?: string | undefined;
}

/** The id of a request that nobody waits for: it gets no reply. */
export const noReply = 0;

/** What any client of the writer may ask. `id` pairs the reply with the request. */
export type ClientRequest =
  | readonly [
      kind: 'transact',
      id: number,
      statements: readonly Statement[],
      bigint: boolean,
      wishes?: TransactionWishes,
    ]
  | readonly [kind: 'begin', id: number, foreignKeys: boolean]
  | readonly [kind: 'run', id: number, transaction: number, statement: Statement, bigint: boolean]
  | readonly [kind: 'describe', id: number, transaction: number, sql: string]
  | readonly [kind: 'commit', id: number, transaction: number, wishes?: Pick<TransactionWishes, 'key' | 'trace'>]
  | readonly [kind: 'rollback', id: number, transaction: number];

/** Records from the upstream, which is at `term`. `awaited`: what clients there wait for. `traces`: of the traced ones among them. */
export type AppendRequest = readonly [
  kind: 'append',
  id: number,
  records: Uint8Array,
  commitTxId: number,
  awaited: Awaited | undefined,
  term: number,
  traces?: readonly RecordTrace[] | undefined,
];

/** What helps a replica that is not what its upstream is. */
export type MendRequest =
  /** Takes it back to the last transaction in common with its upstream, or tells that only a snapshot helps. */
  | readonly [kind: 'rejoin', id: number, request: RejoinRequest]
  /** Saves all records of its log, before a snapshot takes their place. */
  | readonly [kind: 'save-records', id: number]
  | readonly [kind: 'repair', id: number, request: RepairRequest]
  /** Begins, continues or ends the time in which records are applied although rows are wrong. */
  | readonly [kind: 'repair-phase', id: number, phase: RepairPhase];

export type FeedRequest =
  /** Starts a feed of that number, and is answered when it has ended. */
  readonly [kind: 'open-feed', id: number, start: unknown] | readonly [kind: 'close-feed', id: number, feed: number];

/** What a replica is told by whoever feeds it, or mends it. */
export type ReplicaRequest =
  | MendRequest
  | readonly [kind: 'truncate', id: number, txId: number, term: number]
  | readonly [kind: 'commit-to', id: number, commitTxId: number, term: number]
  | readonly [kind: 'ends', id: number];

/** What only a primary can do for its node. */
export type PrimaryRequest =
  | readonly [kind: 'set-acks', id: number, settings: AckSettings | undefined]
  | readonly [kind: 'import', id: number, path: string]
  /** Writes a record that is nothing but this marker; answers with its txId. */
  | readonly [kind: 'write-marker', id: number, marker: Uint8Array]
  /** New writes wait from now on; answers with the end of the log when everything in it is as far as that. */
  | readonly [kind: 'pause-writes', id: number, limitMs: number, until: PauseUntil]
  | readonly [kind: 'resume-writes', id: number];

/** What only the node itself asks. */
export type ControlRequest =
  | ReplicaRequest
  | PrimaryRequest
  /** A further client: its end of a channel is in `port`. */
  | readonly [kind: 'attach', id: number, port: unknown]
  | readonly [kind: 'set-role', id: number, settings: RoleSettings]
  /** Whether appended records are wanted as events. */
  | readonly [kind: 'stream', id: number, on: boolean]
  | readonly [kind: 'initialize', id: number, databaseId: Uint8Array]
  | AppendRequest
  /** Bytes of the log's records up to this one, on the scale of `tipBytes`. */
  | readonly [kind: 'bytes-at', id: number, txId: number]
  /** What the replicas that count have, the largest first. */
  | readonly [kind: 'acks', id: number, durable: readonly number[], applied: readonly number[]]
  /** From now on nothing of a lower term is acknowledged; answers with what this database has. */
  | readonly [kind: 'promise', id: number, term: number]
  /** The oldest record that a known replica still needs. */
  | readonly [kind: 'hold', id: number, neededFrom: number]
  /** The content is in another folder now. */
  | readonly [kind: 'set-content', id: number, directory: string, content: number, settings: RoleSettings]
  /** From now on the writer stands still for a moment when SQLite shows all up to this marker (hexadecimal). */
  | readonly [kind: 'await-marker', id: number, marker: string]
  | readonly [kind: 'release-marker', id: number, marker: string]
  | FeedRequest
  /** Keeps SQLite's file as it is, when that can be soon; answers with its position, or null. */
  | readonly [kind: 'freeze', id: number]
  | readonly [kind: 'thaw', id: number]
  /** Commits move pages into SQLite's file again. To be asked some time after `thaw`. */
  | readonly [kind: 'checkpoint-again', id: number]
  | readonly [kind: 'close', id: number];

export type WriterRequest = ClientRequest | ControlRequest;

const clientKinds: ReadonlySet<string> = new Set(['transact', 'begin', 'run', 'describe', 'commit', 'rollback']);

/** What ends a transaction is let through also when the disk is nearly full. */
export function startsWrite([kind]: ClientRequest): boolean {
  return kind === 'transact' || kind === 'begin' || kind === 'run';
}

export function isClientRequest(request: WriterRequest): request is ClientRequest {
  return clientKinds.has(request[0]);
}

export interface RoleSettings {
  readonly role: Role;
  readonly term: number;
  /** `host:port/database` of the primary, for people; empty when unknown. */
  readonly primary: string;
  readonly acks?: AckSettings | undefined;
  /** Milliseconds by which a replica applies late. */
  readonly delayMs?: number | undefined;
  /** A primary that has just been made one: its term is to begin. */
  readonly beginsTerm?: boolean | undefined;
  /** A replica that was primary alone when its process ended: all of its log was committed. */
  readonly hasCommittedAll?: boolean | undefined;
}

/** A statement's result; the last three only when it returns rows. */
export type CompactResult =
  | readonly [changes: number, lastInsertRowid: bigint]
  | readonly [
      changes: number,
      lastInsertRowid: bigint,
      columns: readonly string[],
      columnTypes: readonly (string | null)[],
      rows: readonly (readonly SqlValue[])[],
    ];

export type WriterReply =
  | readonly [id: number, error: null, value: unknown]
  | readonly [id: number, error: SerializedError];

/** The value of a reply to `transact`. The last one only when it is traced. */
export type TransactValue = readonly [
  term: number,
  txId: number,
  results: readonly CompactResult[],
  acks: number,
  parts?: readonly WritePart[],
];

/** What the writer tells the node without being asked. Positions are in shared memory. */
export type WriterEvent =
  /** Followed by `moved` when the turn ends in which they were appended. */
  | readonly [kind: 'appended', records: Uint8Array, lastTxId: number, traces?: readonly RecordTrace[]]
  | readonly [kind: 'moved', tipTxId: number, commitTxId: number]
  | readonly [kind: 'ack-status', status: AckStatus]
  /** What the node is to report acknowledgements for. */
  | readonly [kind: 'acks-wanted', wish: AckWish]
  /** SQLite shows all up to the awaited marker, and the writer stands still. */
  | readonly [kind: 'at-marker', marker: string, txId: number]
  | readonly [kind: 'failure', failure: DatabaseFailure | null]
  /** Records were cut from the end of the log. */
  | readonly [kind: 'truncated']
  | readonly [kind: 'feed', feed: number, event: unknown]
  | readonly [kind: 'log-opened', databaseId: Uint8Array]
  /** What this replica did with a traced transaction. */
  | readonly [kind: 'traced', span: MeasuredSpan];

/** What arrives at the node's own end of its channel to the writer. */
export interface WriterToHost {
  readonly events?: readonly WriterEvent[];
  readonly replies?: readonly WriterReply[];
}

/** What a writer needs to start. */
export interface WriterStart {
  /** The content folder: `data.sqlite` and `log/`. */
  readonly directory: string;
  readonly name: string;
  readonly origin: bigint;
  readonly limits: DatabaseLimits;
  readonly role: RoleSettings;
  readonly positions: SharedArrayBuffer;
  /** The oldest record that a known replica still needs. */
  readonly neededFrom: number;
  /** Address of the module that feeds come from. */
  readonly feedModule?: string | undefined;
}

/** One end of a channel to or from a writer: a MessagePort, or a simulated one. */
export interface WriterPort {
  post(message: unknown, transfer?: readonly Transferable[]): void;
  onMessage(listener: (message: unknown) => void): void;
  /**
   * Hands the next message to the listener, past the event loop, and returns whether there was one. Blocks the thread until
   * it comes, for at most `limitMs`. Absent where only the event loop brings messages.
   */
  receive?(limitMs: number): boolean;
  onClose(listener: () => void): void;
  close(): void;
}

const noColumns: readonly never[] = [];

export function compactResult(result: StatementResult): CompactResult {
  return result.columns.length === 0
    ? [result.changes, result.lastInsertRowid]
    : [result.changes, result.lastInsertRowid, result.columns, result.columnTypes, result.rows];
}

export function expandResult(compact: CompactResult): StatementResult {
  const [changes, lastInsertRowid, columns = noColumns, columnTypes = noColumns, rows = noColumns] = compact;
  return { columns, columnTypes, rows, changes, lastInsertRowid };
}
