import type { AckLevel } from '../../database/interface.ts';
import type { SqlValue } from '../../sqlite/interface.ts';
import type { ReadConsistency } from '../node/read-consistency.ts';

/**
 * The requests of Hrana, decoded. Sources: libsql `docs/HRANA_3_SPEC.md`; where it differs, turso `serverless/PROTOCOL.md`.
 * docs/hrana.md tells what is supported.
 */

export interface NamedValue {
  /** With or without its `:`, `@` or `$`. */
  readonly name: string;
  readonly value: SqlValue;
}

/** What Quorate takes beyond Hrana, in the field `quorate` of a statement or a batch; docs/hrana.md tells the fields. */
export interface WireWishes {
  /** Idempotency key of a write. */
  readonly key: string | undefined;
  /** Level of a write. */
  readonly acks: AckLevel | undefined;
  /** Level of a read. */
  readonly consistency: ReadConsistency | undefined;
  /** Milliseconds that it waits for a `replication_index`; the limit of the server when absent. */
  readonly waitMs: number | undefined;
}

/** SQL as it was sent, or the number under which it was stored. */
export type SqlReference = { readonly sql: string } | { readonly sqlId: number };

export interface WireStatement {
  readonly sql: SqlReference;
  readonly values: readonly SqlValue[];
  readonly namedValues: readonly NamedValue[];
  readonly wantRows: boolean;
  /** Transaction that the node must show before; 0 for none. */
  readonly waitForTxId: number;
  readonly wishes?: WireWishes | undefined;
}

export type WireCondition =
  /** The step ran without an error, or did not. `step` is earlier than the step that has the condition. */
  | { readonly type: 'ok' | 'error'; readonly step: number }
  | { readonly type: 'not'; readonly condition: WireCondition }
  | { readonly type: 'and' | 'or'; readonly conditions: readonly WireCondition[] }
  | { readonly type: 'is_autocommit' };

export interface WireStep {
  readonly condition: WireCondition | undefined;
  readonly statement: WireStatement;
}

export interface WireBatch {
  readonly steps: readonly WireStep[];
  readonly waitForTxId: number;
  readonly wishes?: WireWishes | undefined;
}

/** What may be asked of a stream, over HTTP and WebSocket. */
export type StreamRequest =
  | { readonly type: 'execute'; readonly statement: WireStatement }
  | { readonly type: 'batch'; readonly batch: WireBatch }
  | { readonly type: 'sequence'; readonly sql: SqlReference; readonly waitForTxId: number }
  | { readonly type: 'describe'; readonly sql: SqlReference; readonly waitForTxId: number }
  | { readonly type: 'get_autocommit' };

/** What may be asked of a store of SQL texts. */
export type StoreRequest =
  | { readonly type: 'store_sql'; readonly sqlId: number; readonly sql: string }
  | { readonly type: 'close_sql'; readonly sqlId: number };

export type PipelineEntry = StreamRequest | StoreRequest | { readonly type: 'close' };

export interface Pipeline {
  readonly baton: string | undefined;
  readonly requests: readonly PipelineEntry[];
}

/** What may be asked on a WebSocket. */
export type ConnectionRequest =
  | StoreRequest
  | { readonly type: 'open_stream' | 'close_stream'; readonly streamId: number }
  | { readonly type: 'stream'; readonly streamId: number; readonly request: StreamRequest }
  | { readonly type: 'open_cursor'; readonly streamId: number; readonly cursorId: number; readonly batch: WireBatch }
  | { readonly type: 'fetch_cursor'; readonly cursorId: number; readonly maxCount: number }
  | { readonly type: 'close_cursor'; readonly cursorId: number };

export type ClientMessage =
  | { readonly type: 'hello'; readonly token: string | undefined }
  | { readonly type: 'request'; readonly requestId: number; readonly request: ConnectionRequest };
