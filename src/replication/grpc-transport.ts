import { type ClientDuplexStream, Metadata } from '@grpc/grpc-js';
import type { Upstream } from '../database/interface.ts';
import { asQuorateError, QuorateError } from '../errors/interface.ts';
import {
  AdminClient,
  type ExportSnapshotRequest,
  type ExportSnapshotResponse,
  type ExportTxRequest,
  type ExportTxResponse,
  type ListDatabasesResponse,
  ReplicationClient,
  ReplicationService,
} from '../proto/interface.ts';
import type { Clock } from '../runtime/interface.ts';
import type { ConnectionSecurity } from '../tls/interface.ts';
import { bearer, upstreamChannel } from './grpc-channel.ts';
import { errorFromGrpc } from './grpc-errors.ts';
import { receiveSnapshot } from './threaded-snapshot.ts';
import type {
  ChannelListener,
  ExportStream,
  ReplicationTransport,
  SnapshotTransport,
  UpstreamDirectory,
} from './types.ts';

/** Milliseconds that a login, or another call that does next to nothing, may take. */
const shortCallMs = 10_000;

/** Replication over gRPC: logs in with the upstream's credentials and keeps the token until it is refused. */
export class GrpcReplicationTransport implements ReplicationTransport, SnapshotTransport, UpstreamDirectory {
  readonly #tokens = new Map<string, string>();
  readonly #clock: Clock;
  readonly security: ConnectionSecurity | undefined;

  /** @param security of all connections; without it plain text, which does not leave this machine */
  constructor(clock: Clock, security?: ConnectionSecurity) {
    this.#clock = clock;
    this.security = security;
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
    const { path, requestSerialize } = ReplicationService.exportSnapshot;
    const token = await this.token(upstream);
    try {
      const { host, port } = upstream;
      const { security } = this;
      yield* receiveSnapshot({ host, port, security, token, path, request: requestSerialize(request) }, signal);
    } catch (error) {
      if (asQuorateError(error).code === 'UNAUTHENTICATED') {
        this.forget(upstream);
      }
      throw error;
    }
  }

  async listDatabases(upstream: Upstream, signal: AbortSignal): Promise<ListDatabasesResponse> {
    const metadata = bearer(await this.token(upstream));
    const client = new AdminClient(...upstreamChannel(upstream, this.security));
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
    const token = this.#tokens.get(key) ?? (await this.#login(upstream));
    this.#tokens.set(key, token);
    return token;
  }

  forget(upstream: Upstream): void {
    this.#tokens.delete(identityOf(upstream));
  }

  #login(upstream: Upstream): Promise<string> {
    const client = new AdminClient(...upstreamChannel(upstream, this.security));
    const request = { user: upstream.username, password: upstream.password };
    const deadline = this.#clock.nowMs() + shortCallMs;
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
}

function identityOf({ host, port, username, password }: Upstream): string {
  return JSON.stringify([host, port, username, password]);
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
    this.#client = new ReplicationClient(...upstreamChannel(this.#upstream, this.#transport.security));
    const call = this.#client.exportTx(bearer(token));
    this.#call = call;
    call.on('data', (message: ExportTxResponse) => this.#listener.onMessage(message));
    call.on('drain', () => this.#listener.onDrain());
    call.on('error', (error) => this.#refuse(errorFromGrpc(error)));
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

  /** A token that has ended says nothing about the password, with which the next attempt logs in. */
  #refuse(error: QuorateError): void {
    if (error.code !== 'UNAUTHENTICATED') {
      this.#finish(error);
      return;
    }
    this.#transport.forget(this.#upstream);
    this.#finish(new QuorateError('UNAVAILABLE', `the upstream wants a new login: ${error.message}`, { cause: error }));
  }

  #finish(error: QuorateError | undefined): void {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    this.#client?.close();
    this.#listener.onEnd(error);
  }
}
