import { type ChannelOptions, type ClientDuplexStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import type { Upstream } from '../database/interface.ts';
import { asQuorateError, type QuorateError } from '../errors/interface.ts';
import {
  AdminClient,
  decodeSnapshotMessage,
  type ExportSnapshotRequest,
  type ExportSnapshotResponse,
  type ExportTxRequest,
  type ExportTxResponse,
  type ListDatabasesResponse,
  ReplicationClient,
  ReplicationService,
} from '../proto/interface.ts';
import type { Clock } from '../runtime/interface.ts';
import { errorFromGrpc } from './grpc-errors.ts';
import type {
  ChannelListener,
  ExportStream,
  ReplicationTransport,
  SnapshotTransport,
  UpstreamDirectory,
} from './types.ts';

/** Milliseconds that a login, or another call that does next to nothing, may take. */
const shortCallMs = 10_000;

const channelOptions: ChannelOptions = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
  'grpc-node.flow_control_window': 4 * 1024 * 1024,
  'grpc.enable_retries': 0,
  // Each session has a connection of its own: one that backs off must not hold up another.
  'grpc.use_local_subchannel_pool': 1,
};

/** Replication over gRPC: logs in with the upstream's credentials and keeps the token until it is refused. */
export class GrpcReplicationTransport implements ReplicationTransport, SnapshotTransport, UpstreamDirectory {
  readonly #tokens = new Map<string, string>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  openExport(upstream: Upstream, listener: ChannelListener<ExportTxResponse>): ExportStream {
    const stream = new GrpcExportStream(upstream, listener, this);
    stream.open();
    return stream;
  }

  async *openSnapshot(
    upstream: Upstream,
    request: ExportSnapshotRequest,
    signal: AbortSignal,
  ): AsyncGenerator<ExportSnapshotResponse> {
    const metadata = bearer(await this.token(upstream));
    const client = new ReplicationClient(address(upstream), credentials.createInsecure(), channelOptions);
    const { path, requestSerialize } = ReplicationService.exportSnapshot;
    const call = client.makeServerStreamRequest(path, requestSerialize, decodeSnapshotMessage, request, metadata);
    const cancel = () => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      if (signal.aborted) {
        cancel();
      }
      yield* call as AsyncIterable<ExportSnapshotResponse>;
    } catch (error) {
      const failure = errorFromGrpc(error as ServiceError);
      if (failure.code === 'UNAUTHENTICATED') {
        this.forget(upstream);
      }
      throw failure;
    } finally {
      signal.removeEventListener('abort', cancel);
      cancel();
      client.close();
    }
  }

  async listDatabases(upstream: Upstream, signal: AbortSignal): Promise<ListDatabasesResponse> {
    const metadata = bearer(await this.token(upstream));
    const client = new AdminClient(address(upstream), credentials.createInsecure(), channelOptions);
    const { promise, resolve, reject } = Promise.withResolvers<ListDatabasesResponse>();
    const deadline = this.#clock.nowMs() + shortCallMs;
    const call = client.listDatabases({}, metadata, { deadline }, (error, response) =>
      error ? reject(errorFromGrpc(error)) : resolve(response),
    );
    const cancel = () => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return await promise;
    } catch (error) {
      if (asQuorateError(error).code === 'UNAUTHENTICATED') {
        this.forget(upstream);
      }
      throw error;
    } finally {
      signal.removeEventListener('abort', cancel);
      client.close();
    }
  }

  /** A token for the upstream, from an earlier login if there was one. @throws QuorateError UNAUTHENTICATED, UNAVAILABLE */
  async token(upstream: Upstream): Promise<string> {
    const key = identityOf(upstream);
    const token = this.#tokens.get(key) ?? (await login(upstream, this.#clock.nowMs() + shortCallMs));
    this.#tokens.set(key, token);
    return token;
  }

  forget(upstream: Upstream): void {
    this.#tokens.delete(identityOf(upstream));
  }
}

function bearer(token: string): Metadata {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

function identityOf({ host, port, username, password }: Upstream): string {
  return JSON.stringify([host, port, username, password]);
}

function address(upstream: Upstream): string {
  return upstream.host.includes(':') ? `[${upstream.host}]:${upstream.port}` : `${upstream.host}:${upstream.port}`;
}

function login(upstream: Upstream, deadline: number): Promise<string> {
  const client = new AdminClient(address(upstream), credentials.createInsecure(), channelOptions);
  const request = { user: upstream.username, password: upstream.password };
  return new Promise((resolve, reject) => {
    client.login(request, new Metadata(), { deadline }, (error, response) => {
      client.close();
      if (error) {
        reject(errorFromGrpc(error));
      } else {
        resolve(response.token);
      }
    });
  });
}

/** One ExportTx call. What is sent before the call is open waits for it; it is only ever the start message. */
class GrpcExportStream implements ExportStream {
  readonly #upstream: Upstream;
  readonly #listener: ChannelListener<ExportTxResponse>;
  readonly #transport: GrpcReplicationTransport;
  readonly #early: ExportTxRequest[] = [];
  #client: ReplicationClient | undefined;
  #call: ClientDuplexStream<ExportTxRequest, ExportTxResponse> | undefined;
  #ended = false;

  constructor(upstream: Upstream, listener: ChannelListener<ExportTxResponse>, transport: GrpcReplicationTransport) {
    this.#upstream = upstream;
    this.#listener = listener;
    this.#transport = transport;
  }

  open(): void {
    this.#connect().catch((error: unknown) => this.#finish(asQuorateError(error)));
  }

  async #connect(): Promise<void> {
    const token = await this.#transport.token(this.#upstream);
    if (this.#ended) {
      return;
    }
    this.#client = new ReplicationClient(address(this.#upstream), credentials.createInsecure(), channelOptions);
    const call = this.#client.exportTx(bearer(token));
    this.#call = call;
    call.on('data', (message: ExportTxResponse) => this.#listener.onMessage(message));
    call.on('drain', () => this.#listener.onDrain());
    call.on('error', (error) => this.#finish(errorFromGrpc(error)));
    call.on('end', () => this.#finish(undefined));
    for (const request of this.#early.splice(0)) {
      call.write(request);
    }
  }

  send(request: ExportTxRequest): boolean {
    if (this.#ended) {
      return true;
    }
    if (this.#call === undefined) {
      this.#early.push(request);
      return true;
    }
    return this.#call.write(request);
  }

  pause(): void {
    this.#call?.pause();
  }

  resume(): void {
    this.#call?.resume();
  }

  end(_error?: QuorateError): void {
    this.#ended = true;
    this.#call?.cancel();
    this.#client?.close();
  }

  #finish(error: QuorateError | undefined): void {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    this.#client?.close();
    if (error?.code === 'UNAUTHENTICATED') {
      this.#transport.forget(this.#upstream);
    }
    this.#listener.onEnd(error);
  }
}
