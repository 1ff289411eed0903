import type { SerializedError } from '../errors/interface.ts';
import type { ConnectionSecurity } from '../tls/interface.ts';

/** What a thread needs to receive a snapshot. */
export interface SnapshotCall {
  readonly host: string;
  readonly port: number;
  readonly security: ConnectionSecurity | undefined;
  readonly token: string;
  /** Of the method. */
  readonly path: string;
  /** The message that the call begins with. */
  readonly request: Uint8Array;
}

/** What the thread tells: a message of the stream, or how that ended. Each message is to be answered when it was taken. */
export type SnapshotNews =
  | { readonly bytes: Uint8Array }
  | { readonly end: true }
  | { readonly error: SerializedError };

/** Messages that are received and not taken yet; the upstream waits beyond that. */
export const maxWaitingMessages = 8;
