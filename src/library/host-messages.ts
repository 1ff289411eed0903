import type { MessagePort } from 'node:worker_threads';
import type { DatabaseLimits, LogEntry } from '../database/interface.ts';
import type { SerializedError } from '../errors/interface.ts';
import type { ReadConsistency } from '../server/interface.ts';
import type { Statement, StatementResult } from '../sqlite/interface.ts';
import type { HostOptions } from './options.ts';
import type { DatabaseChange, DatabaseStatus, UpstreamOptions } from './types.ts';

/** What a thread needs to use a database of the node: from then on it does not need the node any more. */
export interface Attachment {
  readonly name: string;
  /** The folder of the database; the positions say in which content folder of it the SQLite file for reads is. */
  readonly directory: string;
  /** A channel to the writer thread. */
  readonly port: MessagePort;
  readonly limits: Pick<DatabaseLimits, 'writerQueueLimit' | 'writerQueueBytes'>;
  /** Positions in memory that threads share. */
  readonly positions: SharedArrayBuffer;
}

/** What the application's thread may ask the thread of the node, with the answer to each. */
export interface HostCalls {
  attach: { readonly request: { readonly name: string }; readonly answer: Attachment };
  create: {
    readonly request: { readonly name: string; readonly upstream?: UpstreamOptions | undefined };
    readonly answer: undefined;
  };
  /** Makes an empty primary unless the database exists. */
  ensure: { readonly request: { readonly name: string }; readonly answer: undefined };
  /** Makes a replica of `upstream`, or makes the existing replica follow it. */
  follow: {
    readonly request: { readonly name: string; readonly upstream: UpstreamOptions };
    readonly answer: undefined;
  };
  update: { readonly request: { readonly name: string; readonly change: DatabaseChange }; readonly answer: undefined };
  delete: { readonly request: { readonly name: string }; readonly answer: undefined };
  status: { readonly request: { readonly name?: string | undefined }; readonly answer: readonly DatabaseStatus[] };
  import: { readonly request: { readonly name: string; readonly path: string }; readonly answer: undefined };
  export: { readonly request: { readonly name: string; readonly path: string }; readonly answer: string };
  digest: { readonly request: { readonly name: string }; readonly answer: { position: string; digest: string } };
  query: {
    readonly request: {
      readonly name: string;
      readonly statement: Statement;
      readonly bigint: boolean;
      readonly timeoutMs?: number | undefined;
      readonly consistency?: ReadConsistency | undefined;
    };
    readonly answer: StatementResult;
  };
  close: { readonly request: undefined; readonly answer: undefined };
}

export type HostCall = keyof HostCalls;

export type HostRequest = {
  [K in HostCall]: { readonly id: number; readonly kind: K; readonly request: HostCalls[K]['request'] };
}[HostCall];

/** What a node tells when it is open. */
export interface HostReady {
  readonly nodeId: string;
  readonly nodeName: string;
  /** Where it listens, if it does. */
  readonly address?: { readonly host: string; readonly port: number } | undefined;
  readonly generatedPassword?: string | undefined;
}

export type HostMessage =
  | { readonly kind: 'ready'; readonly ready: HostReady }
  | { readonly kind: 'refused'; readonly error: SerializedError }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: SerializedError }
  | { readonly kind: 'log'; readonly entry: LogEntry };

export interface HostStart {
  readonly options: HostOptions;
}
