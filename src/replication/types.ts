import type { Upstream } from '../database/interface.ts';
import type { QuorateError } from '../errors/interface.ts';
import type {
  ExportSnapshotRequest,
  ExportSnapshotResponse,
  ExportTxRequest,
  ExportTxResponse,
  ListDatabasesResponse,
} from '../proto/interface.ts';

/** One direction of a message stream whose receiver can be slower than its sender. */
export interface MessageChannel<Out> {
  /** Sends a message; false means that the sender should wait for `onDrain` before it sends more. */
  send(message: Out): boolean;
  /** Ends the stream, with the reason if it is an error. Idempotent. */
  end(error?: QuorateError): void;
}

/** What a stream tells its owner. After `onEnd` nothing else is called. */
export interface ChannelListener<In> {
  onMessage(message: In): void;
  onDrain(): void;
  onEnd(error: QuorateError | undefined): void;
}

/** The replica's end of an ExportTx stream. */
export interface ExportStream extends MessageChannel<ExportTxRequest> {
  /** Stops and resumes the reading of messages: flow control by what the replica has not yet made durable. */
  pause(): void;
  resume(): void;
}

/** The network seam of replication: gRPC in production, a seeded simulation in tests. */
export interface ReplicationTransport {
  /** Opens ExportTx on the upstream, with its credentials; errors arrive through `listener.onEnd`. */
  openExport(upstream: Upstream, listener: ChannelListener<ExportTxResponse>): ExportStream;
}

/** How snapshots come from an upstream. */
export interface SnapshotTransport {
  /** Opens ExportSnapshot; whoever takes the messages slowly slows the sender. Ends when the signal aborts. */
  openSnapshot(
    upstream: Upstream,
    request: ExportSnapshotRequest,
    signal: AbortSignal,
  ): AsyncIterable<ExportSnapshotResponse>;
}

/** How far the copying of a snapshot is. */
export interface SnapshotProgress {
  readonly receivedBytes: number;
  readonly sizeBytes: number;
  readonly bytesPerSecond: number;
  /** Until everything is received, at this rate; 0 when that is not known. */
  readonly secondsLeft: number;
}

/** Asks another node what databases it has. */
export interface UpstreamDirectory {
  /** @throws QuorateError UNAVAILABLE, UNAUTHENTICATED, PERMISSION_DENIED, NOT_IMPLEMENTED, CANCELLED */
  listDatabases(upstream: Upstream, signal: AbortSignal): Promise<ListDatabasesResponse>;
}

/** States of a replica's session; docs/replication-protocol.md tells what leads from one to the other. */
export type ReplicatorState =
  | 'connecting'
  | 'negotiating'
  | 'streaming'
  /** Waiting before the next attempt. */
  | 'backing-off'
  /** The upstream cannot serve this replica from its log. */
  | 'snapshot-needed'
  /** A snapshot is received. */
  | 'copying'
  /** A complete snapshot is checked and put in place. */
  | 'installing'
  /** The histories differ. A person must decide. */
  | 'diverged'
  /** Wrong credentials, wrong database, wrong version. A person must act. */
  | 'refused'
  | 'stopped';

/** How far a replica is behind its upstream, as far as it knows. */
export interface LagReport {
  readonly upstreamTipTxId: number;
  readonly lagTransactions: number;
  /**
   * Bytes of log records that the upstream has and this replica does not show; 0 when `lagTransactions` is. While a snapshot
   * is copied: bytes of it that are missing.
   */
  readonly lagBytes: number;
  /** Milliseconds since this replica last showed everything its upstream had committed; 0 when it does now. */
  readonly lagMs: number;
  /** Milliseconds since the upstream last said what this replica shows now; Infinity before it has said anything. */
  readonly staleMs: number;
  /** Transactions of the upstream's log that are not durable here yet. */
  readonly receivedLagTransactions: number;
  /** Bytes of their records. */
  readonly receivedLagBytes: number;
  /** Milliseconds since this replica last held all of the upstream's log durably; 0 when it does now. */
  readonly receivedLagMs: number;
  /** Whether the upstream asks for acknowledgements and those of this replica count, as it last said. */
  readonly isSync: boolean;
  /** Milliseconds since the upstream was last heard. */
  readonly silenceMs: number;
}

export interface ReplicatorStatus extends LagReport {
  readonly state: ReplicatorState;
  readonly reason: string;
  readonly upstream: string;
  readonly retries: number;
  /** While a snapshot is copied or installed. */
  readonly snapshot?: SnapshotProgress | undefined;
  readonly lastError?:
    | { readonly code: string; readonly message: string; readonly hint: string; readonly atMs: number }
    | undefined;
}

export interface AttachedReplica {
  readonly replicaId: string;
  readonly replicaName: string;
  readonly address: string;
  readonly sentTxId: number;
  readonly durableTxId: number;
  readonly appliedTxId: number;
  /** Milliseconds since 1970; 0 before the first acknowledgement. */
  readonly acknowledgedAtMs: number;
  /** Where clients reach it by HTTP; empty when it has not said so. */
  readonly httpUrl: string;
}
