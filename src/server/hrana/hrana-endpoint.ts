import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { RpcContext } from '../grpc/rpc.ts';
import { hranaContext } from './hrana-context.ts';
import { HranaHttp } from './hrana-http.ts';
import type { HranaLimits } from './hrana-limits.ts';
import { HranaSockets } from './hrana-sockets.ts';

/** What clients of Hrana have open now; `most…` is that of the connection or stream that has the most. */
export interface HranaUsage {
  readonly requests: number;
  readonly httpStreams: number;
  readonly connections: number;
  readonly connectionStreams: number;
  readonly cursors: number;
  readonly mostStreams: number;
  readonly mostRequests: number;
  readonly mostUnreadBytes: number;
  readonly mostStoredTexts: number;
  readonly mostStoredBytes: number;
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

  usage(): HranaUsage {
    const { requests, streams: httpStreams, stored } = this.#http.usage();
    const connections = this.#sockets.usage();
    const stores = [...stored, ...connections.map((connection) => connection.stored)];
    return {
      requests,
      httpStreams,
      connections: connections.length,
      connectionStreams: connections.reduce((sum, { streams }) => sum + streams, 0),
      cursors: connections.reduce((sum, connection) => sum + connection.cursors, 0),
      mostStreams: most(connections.map(({ streams, cursors }) => Math.max(streams, cursors))),
      mostRequests: most(connections.map((connection) => connection.requests)),
      mostUnreadBytes: most(connections.map(({ unreadBytes }) => unreadBytes)),
      mostStoredTexts: most(stores.map(({ texts }) => texts)),
      mostStoredBytes: most(stores.map(({ bytes }) => bytes)),
    };
  }

  /** Closes what is open and rolls it back. */
  async close(): Promise<void> {
    await Promise.all([this.#http.close(), this.#sockets.close()]);
  }
}

/** The largest; not by the spread of an array, of which there may be too many. */
function most(values: readonly number[]): number {
  return values.reduce((largest, value) => Math.max(largest, value), 0);
}
