import type { ErrorCode } from '../errors/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import { checkListening } from '../tls/interface.ts';
import { GrpcServer } from './grpc/grpc-server.ts';
import type { RpcContext } from './grpc/rpc.ts';
import type { HranaLimits } from './hrana/hrana-limits.ts';
import { HttpServer } from './http/http-server.ts';
import type { NodeAddress } from './node/follow-settings.ts';
import { Node } from './node/node.ts';
import type { NodeOptions } from './node/node-options.ts';

export interface ServerOptions extends NodeOptions {
  /** Address to listen on. */
  readonly host: string;
  /** gRPC port; 0 takes a free one. */
  readonly port: number;
  /** HTTP port; 0 takes a free one. */
  readonly httpPort: number;
  /** Limits of what clients send and receive by Hrana. */
  readonly hrana: HranaLimits;
}

/** A node with its endpoints: what `quorate server` runs. */
export class Server implements AsyncDisposable {
  readonly node: Node;
  readonly #grpc: GrpcServer;
  readonly #http: HttpServer;

  private constructor(node: Node, grpc: GrpcServer, http: HttpServer) {
    this.node = node;
    this.#grpc = grpc;
    this.#http = http;
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
    const context: RpcContext = { node, errors: new Map<ErrorCode, number>() };
    const { host } = options;
    const grpc = await GrpcServer.listen(context, { host, port: options.port });
    resources.defer(() => grpc.close(0));
    const http = await HttpServer.listen(context, options.hrana, { host, port: options.httpPort });
    resources.defer(() => http.close());
    await node.start(dialable(grpc.address));
    resources.move();
    return new Server(node, grpc, http);
  }

  get grpcAddress(): NodeAddress {
    return this.#grpc.address;
  }

  get httpAddress(): NodeAddress {
    return this.#http.address;
  }

  /** Ends streams, lets calls end, closes the databases. Nothing that was acknowledged depends on it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.node.stopStreams();
    await this.#grpc.close(this.node.options.limits.drainTimeoutMs);
    await this.#http.close();
    await this.node[Symbol.asyncDispose]();
  }
}

/** The address by which a node that listens there can connect to itself. */
export function dialable({ host, port }: NodeAddress): NodeAddress {
  const loopback = host === '0.0.0.0' ? '127.0.0.1' : '::1';
  return { host: host === '0.0.0.0' || host === '::' ? loopback : host, port };
}
