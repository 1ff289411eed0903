import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { asQuorateError, type ErrorCode, QuorateError } from '../errors/interface.ts';
import type { ExportTxRequest, ExportTxResponse, ReplicateTxRequest, ReplicateTxResponse } from '../proto/interface.ts';
import { errorFromGrpc, type SnapshotProgress } from '../replication/interface.ts';
import { createBackoff, type Runtime } from '../runtime/interface.ts';
import type { NodeClient } from './node-client.ts';
import { carrySnapshot } from './snapshot-carrier.ts';

/** What only a person can put right; trying again would hide it. */
const fatalCodes = new Set<ErrorCode>([
  'DATABASE_NOT_FOUND',
  'DIVERGED',
  'INVALID_ARGUMENT',
  'LOG_CORRUPT',
  'DATABASE_CORRUPT',
  'NOT_IMPLEMENTED',
  'PERMISSION_DENIED',
  'PROTOCOL_ERROR',
  'PROTOCOL_VERSION',
  'SCHEMA_MISMATCH',
  'STALE_TERM',
  'UNAUTHENTICATED',
  'WRONG_DATABASE',
  'WRONG_ROLE',
]);

/** One end of the pump: a database on a node, and how to get a connection with a valid token. */
export interface PumpEnd {
  readonly database: string;
  /** A connection that has just logged in; the pump closes it. @throws QuorateError */
  connect(): Promise<NodeClient>;
}

export type ReplicationPumpState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'streaming' }
  | ({ readonly kind: 'copying' } & SnapshotProgress)
  | { readonly kind: 'installing' }
  | {
      readonly kind: 'progress';
      readonly upstreamTipTxId: number;
      readonly durableTxId: number;
      readonly appliedTxId: number;
    }
  | { readonly kind: 'backing-off'; readonly delayMs: number; readonly error: QuorateError };

export interface ReplicationPumpOptions {
  readonly from: PumpEnd;
  readonly to: PumpEnd;
  readonly runtime: Runtime;
  readonly backoffInitialMs: number;
  readonly backoffMaxMs: number;
  readonly onState: (state: ReplicationPumpState) => void;
}

type UpstreamStream = ClientDuplexStream<ExportTxRequest, ExportTxResponse>;
type ReplicaStream = ClientDuplexStream<ReplicateTxRequest, ReplicateTxResponse>;

/** How long a replica may take to let go of a stream that was ended, in milliseconds. */
const endTimeoutMs = 5_000;

/**
 * The external replicator: carries the messages of a replica, which it reaches through ReplicateTx, to an upstream,
 * which it reaches through ExportTx, and the upstream's back. When the upstream's log no longer has what the replica needs,
 * it carries a snapshot first. It keeps nothing: the replica itself says where it stands.
 */
export class ReplicationPump {
  readonly #options: ReplicationPumpOptions;
  #upstreamTipTxId = 0;

  constructor(options: ReplicationPumpOptions) {
    this.#options = options;
  }

  /**
   * Runs until the signal aborts, with a new attempt after each broken connection.
   * @throws QuorateError what only a person can put right: DIVERGED, WRONG_DATABASE, UNAUTHENTICATED …
   */
  async run(signal: AbortSignal): Promise<void> {
    const { runtime, backoffInitialMs, backoffMaxMs, onState } = this.#options;
    const backoff = createBackoff(runtime.random, backoffInitialMs, backoffMaxMs);
    while (!signal.aborted) {
      const error = await this.#attempt(signal, () => backoff.reset());
      if (signal.aborted) {
        return;
      }
      if (error === undefined) {
        backoff.reset();
        continue;
      }
      if (fatalCodes.has(error.code)) {
        throw error;
      }
      const delayMs = Math.ceil(backoff.nextDelayMs());
      onState({ kind: 'backing-off', delayMs, error });
      await runtime.timers.sleep(delayMs, signal).catch(() => {});
    }
  }

  /** One pair of connections; resolves with the reason why it ended, or with nothing when a snapshot was carried. */
  async #attempt(signal: AbortSignal, onStreaming: () => void): Promise<QuorateError | undefined> {
    this.#options.onState({ kind: 'connecting' });
    try {
      using from = await this.#options.from.connect();
      using to = await this.#options.to.connect();
      const replica = to.openReplicateTx();
      const error = await this.#pump(from.openExportTx(), replica, signal, onStreaming);
      if (error.code !== 'SNAPSHOT_REQUIRED') {
        replica.cancel();
        return error;
      }
      await this.#letGo(replica);
      await this.#seed(from, to, signal);
      return undefined;
    } catch (error) {
      return asQuorateError(error);
    }
  }

  #pump(
    upstream: UpstreamStream,
    replica: ReplicaStream,
    signal: AbortSignal,
    onStreaming: () => void,
  ): Promise<QuorateError> {
    return new Promise((resolve) => {
      const stop = (error: QuorateError) => {
        signal.removeEventListener('abort', onAbort);
        upstream.cancel();
        resolve(error);
      };
      const onAbort = () => stop(new QuorateError('CANCELLED', 'the replicator was stopped'));
      signal.addEventListener('abort', onAbort, { once: true });
      for (const [stream, name] of [
        [upstream, 'upstream'],
        [replica, 'replica'],
      ] as const) {
        stream.on('error', (error: ServiceError) => stop(errorFromGrpc(error)));
        stream.on('end', () => stop(new QuorateError('UNAVAILABLE', `the ${name} ended the stream`)));
      }
      this.#carryToReplica(upstream, replica, onStreaming);
      this.#carryToUpstream(replica, upstream);
      replica.write({ message: { $case: 'start', value: { database: this.#options.to.database } } });
      if (signal.aborted) {
        onAbort();
      }
    });
  }

  /** The replica takes a snapshot only when nobody feeds it any more. */
  async #letGo(replica: ReplicaStream): Promise<void> {
    const { timers } = this.#options.runtime;
    const ended = new AbortController();
    replica.once('status', () => ended.abort());
    replica.end();
    await timers.sleep(endTimeoutMs, ended.signal).catch(() => {});
    replica.cancel();
  }

  async #seed(from: NodeClient, to: NodeClient, signal: AbortSignal): Promise<void> {
    const { runtime, onState } = this.#options;
    await carrySnapshot({
      from: { client: from, database: this.#options.from.database },
      to: { client: to, database: this.#options.to.database },
      clock: runtime.clock,
      signal,
      onProgress: (progress) => onState({ kind: 'copying', ...progress }),
      onInstalling: () => onState({ kind: 'installing' }),
    });
  }

  #carryToReplica(upstream: UpstreamStream, replica: ReplicaStream, onStreaming: () => void): void {
    replica.on('drain', () => upstream.resume());
    upstream.on('data', (response: ExportTxResponse) => {
      this.#observe(response, onStreaming);
      if (!replica.write({ message: { $case: 'upstream', value: response } })) {
        upstream.pause();
      }
    });
  }

  #carryToUpstream(replica: ReplicaStream, upstream: UpstreamStream): void {
    replica.on('data', ({ replica: request }: ReplicateTxResponse) => {
      if (request?.message?.$case === 'acknowledgement') {
        const { durableTxId, appliedTxId } = request.message.value;
        this.#options.onState({
          kind: 'progress',
          upstreamTipTxId: this.#upstreamTipTxId,
          durableTxId,
          appliedTxId,
        });
      }
      if (request !== undefined) {
        upstream.write(this.#addressed(request));
      }
    });
  }

  /** The replica does not know what its upstream is called, nor that a snapshot can be brought; the pump does. */
  #addressed({ message }: ExportTxRequest): ExportTxRequest {
    if (message?.$case !== 'start') {
      return { message };
    }
    const start = { ...message.value, database: this.#options.from.database, acceptsSnapshot: true };
    return { message: { $case: 'start', value: start } };
  }

  #observe({ message }: ExportTxResponse, onStreaming: () => void): void {
    if (message?.$case === 'started') {
      onStreaming();
      this.#options.onState({ kind: 'streaming' });
      this.#upstreamTipTxId = message.value.heartbeat?.tipTxId ?? 0;
    } else if (message?.$case === 'heartbeat') {
      this.#upstreamTipTxId = message.value.tipTxId;
    }
  }
}
