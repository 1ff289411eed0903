import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { RpcContext } from '../grpc/rpc.ts';
import { hranaContext } from './hrana-context.ts';
import { HranaHttp } from './hrana-http.ts';
import type { HranaLimits } from './hrana-limits.ts';
import { HranaSockets } from './hrana-sockets.ts';

/** What clients of Hrana have open now. */
export interface HranaStatus {
  readonly requests: number;
  readonly httpStreams: number;
  readonly connections: number;
  readonly connectionStreams: number;
}

/** SQL for existing clients of libSQL, over HTTP and WebSocket; docs/hrana.md tells the protocol. */
export class HranaEndpoint {
  readonly limits: HranaLimits;
  readonly #http: HranaHttp;
  readonly #sockets: HranaSockets;

  constructor(context: RpcContext, limits: HranaLimits) {
    const shared = hranaContext(context, limits);
    this.limits = limits;
    this.#http = new HranaHttp(shared);
    this.#sockets = new HranaSockets(shared);
  }

  /** Answers a request that is meant for Hrana; false if it is not. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    return this.#http.handle(request, response);
  }

  /** Takes the WebSockets of a server. */
  listen(server: Server): void {
    server.on('upgrade', (request, socket, head) => this.#sockets.upgrade(request, socket, head));
  }

  status(): HranaStatus {
    const { requests, streams: httpStreams } = this.#http.status();
    const { connections, streams: connectionStreams } = this.#sockets.status();
    return { requests, httpStreams, connections, connectionStreams };
  }

  /** Closes what is open and rolls it back. */
  async close(): Promise<void> {
    await Promise.all([this.#http.close(), this.#sockets.close()]);
  }
}
