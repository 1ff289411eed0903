import type { ErrorCode } from '../errors/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import { checkListening } from '../tls/interface.ts';
import { type SpanExport, startTracing, type TracingOptions } from '../tracing/interface.ts';
import { GrpcServer } from './grpc/grpc-server.ts';
import type { RpcContext } from './grpc/rpc.ts';
import type { HranaLimits } from './hrana/hrana-limits.ts';
import { HttpServer } from './http/http-server.ts';
import { EventLoopWatch } from './node/event-loop-watch.ts';
import type { NodeAddress } from './node/follow-settings.ts';
import { HungWriters } from './node/hung-writers.ts';
import { Node } from './node/node.ts';
import type { NodeOptions } from './node/node-options.ts';
import { version } from './node/version.ts';

export interface ServerOptions extends NodeOptions {
  /** Address to listen on. */
  readonly host: string;
  /** gRPC port; 0 takes a free one. */
  readonly port: number;
  /** HTTP port; 0 takes a free one. */
  readonly httpPort: number;
  /** Limits of what clients send and receive by Hrana. */
  readonly hrana: HranaLimits;
  readonly tracing: TracingOptions;
}

interface ServerParts {
  readonly node: Node;
  readonly grpc: GrpcServer;
  readonly http: HttpServer;
  readonly eventLoop: EventLoopWatch;
  readonly spans: SpanExport | undefined;
}

/** A node with its endpoints: what `quorate server` runs. */
export class Server implements AsyncDisposable {
  readonly node: Node;
  readonly #grpc: GrpcServer;
  readonly #http: HttpServer;
  readonly #eventLoop: EventLoopWatch;
  readonly #spans: SpanExport | undefined;
  #hungWriters: readonly string[] = [];

  private constructor({ node, grpc, http, eventLoop, spans }: ServerParts) {
    this.node = node;
    this.#grpc = grpc;
    this.#http = http;
    this.#eventLoop = eventLoop;
    this.#spans = spans;
  }

  /**
   * Opens the data folder, listens, and resolves when every database is open or known to have failed.
   * @param signal gives up the start
   * @throws QuorateError DATABASE_LOCKED, ADDRESS_IN_USE, TLS_FAILED, INVALID_ARGUMENT, IO_ERROR, CANCELLED
   */
  static async start(options: ServerOptions, runtime: Runtime, signal?: AbortSignal): Promise<Server> {
    checkListening(options.host, options.tls);
    await using resources = new AsyncDisposableStack();
    const node = resources.use(await Node.open(options, runtime, signal));
    const eventLoop = resources.use(new EventLoopWatch(runtime));
    const instance = { 'service.instance.id': node.identity.nodeId, 'service.version': version };
    const spans = await startTracing(options.tracing, runtime, instance);
    resources.use(spans);
    const context: RpcContext = { node, errors: new Map<ErrorCode, number>() };
    const { host } = options;
    const grpc = await GrpcServer.listen(context, { host, port: options.port });
    resources.defer(() => grpc.close(0));
    const http = await HttpServer.listen({ ...context, eventLoop, spans, grpc }, options.hrana, {
      host,
      port: options.httpPort,
    });
    resources.defer(() => http.close(0));
    await node.start(dialable(grpc.address), dialable(http.address));
    resources.move();
    return new Server({ node, grpc, http, eventLoop, spans });
  }

  get grpcAddress(): NodeAddress {
    return this.#grpc.address;
  }

  get httpAddress(): NodeAddress {
    return this.#http.address;
  }

  /**
   * Tells load balancers that this node goes and serves on until they know; then ends streams, lets requests end, and closes
   * the databases. Nothing that was acknowledged depends on it.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const { drainDelayMs, drainTimeoutMs } = this.node.options.limits;
    this.node.beginDrain();
    if (drainDelayMs > 0) {
      await this.node.runtime.timers.sleep(drainDelayMs);
    }
    const { runtime } = this.node;
    const databases = this.node.databases.list().flatMap(({ opened }) => opened ?? []);
    using hung = new HungWriters({ runtime, databases, patienceMs: drainTimeoutMs });
    this.node.stopStreams();
    await Promise.all([this.#grpc.close(drainTimeoutMs), this.#http.close(drainTimeoutMs)]);
    this.#eventLoop[Symbol.dispose]();
    await this.node[Symbol.asyncDispose]();
    await this.#spans?.[Symbol.asyncDispose]();
    this.#hungWriters = hung.names;
  }

  /** Databases whose writers did not come back when this server was closed: the process ends only when it is killed. */
  get hungWriters(): readonly string[] {
    return this.#hungWriters;
  }
}

/** The address by which a node that listens there can connect to itself. */
export function dialable({ host, port }: NodeAddress): NodeAddress {
  const loopback = host === '0.0.0.0' ? '127.0.0.1' : '::1';
  return { host: host === '0.0.0.0' || host === '::' ? loopback : host, port };
}
