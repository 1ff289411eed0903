import type { Transferable } from 'node:worker_threads';
import type { SerializedError } from '../errors/interface.ts';
import type { SqlValue, Statement, StatementResult } from '../sqlite/interface.ts';
import type { DatabaseLimits } from './limits.ts';
import type { AckLevel, AckSettings, AckStatus, DatabaseFailure, RepairRequest, Role } from './types.ts';

/**
 * What travels between a writer thread and those who use it. Everything is made of tuples, because the structured
 * clone of an object with named fields costs half as much again on the hottest path there is.
 */

/** What only some transactions ask for. */
export interface TransactionWishes {
  readonly acks?: AckLevel | undefined;
  readonly key?: string | undefined;
}

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
  | readonly [kind: 'commit', id: number, transaction: number]
  | readonly [kind: 'rollback', id: number, transaction: number];

/** What only the node itself asks. */
export type ControlRequest =
  /** A further client: its end of a channel is in `port`. */
  | readonly [kind: 'attach', id: number, port: unknown]
  | readonly [kind: 'set-role', id: number, settings: RoleSettings]
  /** Whether appended records are wanted as events. */
  | readonly [kind: 'stream', id: number, on: boolean]
  | readonly [kind: 'initialize', id: number, databaseId: Uint8Array]
  | readonly [kind: 'truncate', id: number, txId: number]
  | readonly [kind: 'append', id: number, records: Uint8Array, commitTxId: number]
  | readonly [kind: 'commit-to', id: number, commitTxId: number]
  | readonly [kind: 'ends', id: number]
  /** What the replicas that count have, the largest first. */
  | readonly [kind: 'acks', id: number, durable: readonly number[], applied: readonly number[]]
  | readonly [kind: 'set-acks', id: number, settings: AckSettings | undefined]
  | readonly [kind: 'import', id: number, path: string]
  /** The oldest record that a known replica still needs. */
  | readonly [kind: 'hold', id: number, neededFrom: number]
  /** The content is in another folder now. */
  | readonly [kind: 'set-content', id: number, directory: string, content: number, settings: RoleSettings]
  /** Takes a replica back to this transaction, after which its history has parted from that of its upstream. */
  | readonly [kind: 'rejoin', id: number, commonTxId: number]
  | readonly [kind: 'repair', id: number, request: RepairRequest]
  /** Writes a record that is nothing but this marker; answers with its txId. */
  | readonly [kind: 'write-marker', id: number, marker: Uint8Array]
  /** From now on the writer stands still for a moment when SQLite shows all up to this marker (hexadecimal). */
  | readonly [kind: 'await-marker', id: number, marker: string]
  | readonly [kind: 'release-marker', id: number, marker: string]
  | readonly [kind: 'close', id: number];

export type WriterRequest = ClientRequest | ControlRequest;

export interface RoleSettings {
  readonly role: Role;
  readonly term: number;
  /** `host:port/database` of the primary, for people; empty when unknown. */
  readonly primary: string;
  readonly acks?: AckSettings | undefined;
  /** Milliseconds by which a replica applies late. */
  readonly delayMs?: number | undefined;
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

/** The value of a reply to `transact`. */
export type TransactValue = readonly [term: number, txId: number, results: readonly CompactResult[], acks: number];

/** What the writer tells the node without being asked. Positions are in shared memory. */
export type WriterEvent =
  /** Followed by `moved` when the turn ends in which they were appended. */
  | readonly [kind: 'appended', records: Uint8Array, lastTxId: number]
  | readonly [kind: 'moved', tipTxId: number, commitTxId: number]
  | readonly [kind: 'ack-status', status: AckStatus]
  /** From now on the node is to report acknowledgements. */
  | readonly [kind: 'acks-wanted']
  /** SQLite shows all up to the awaited marker, and the writer stands still. */
  | readonly [kind: 'at-marker', marker: string, txId: number]
  | readonly [kind: 'failure', failure: DatabaseFailure | null]
  | readonly [kind: 'log-opened', databaseId: Uint8Array];

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
}

/** One end of a channel to or from a writer: a MessagePort, or a simulated one. */
export interface WriterPort {
  post(message: unknown, transfer?: readonly Transferable[]): void;
  onMessage(listener: (message: unknown) => void): void;
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
