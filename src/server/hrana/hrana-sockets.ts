import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { QuorateError } from '../../errors/interface.ts';
import type { HranaContext } from './hrana-context.ts';
import { traceHeaders } from './hrana-span.ts';
import { routedSocket } from './routes.ts';
import { type ConnectionUsage, SocketConnection } from './socket-connection.ts';
import { httpError } from './wire-error.ts';

/** Subprotocols, the preferred one first. They differ in what clients use of them, not in how it is answered. */
const subprotocols = ['hrana3', 'hrana2', 'hrana1'] as const;

/** Close code of a server that stops, https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1. */
const goingAway = 1001;

/** Hrana over WebSocket. */
export class HranaSockets {
  readonly #context: HranaContext;
  readonly #server: WebSocketServer;
  readonly #connections = new Set<SocketConnection>();

  constructor(context: HranaContext) {
    this.#context = context;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // It costs more than it saves on a fast network, and memory for each connection.
      perMessageDeflate: false,
      maxPayload: context.limits.hranaMaxRequestBytes,
      handleProtocols: (offered) => subprotocols.find((name) => offered.has(name)) ?? false,
    });
  }

  /** What each open connection has. */
  usage(): readonly ConnectionUsage[] {
    return [...this.#connections].map(({ usage }) => usage);
  }

  /** Takes over a connection on which a client has asked for a WebSocket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    try {
      const database = this.#accept(request);
      this.#server.handleUpgrade(request, socket, head, (client) => {
        const connection = new SocketConnection(this.#context, {
          client,
          socket,
          database,
          trace: traceHeaders(request.headers),
        });
        this.#connections.add(connection);
        client.once('close', () => this.#connections.delete(connection));
      });
    } catch (error) {
      refuse(socket, error as QuorateError);
    }
  }

  /** The database that is meant. @throws QuorateError */
  #accept({ url = '', headers }: IncomingMessage): string {
    const database = routedSocket(url, headers['x-namespace']?.toString());
    if (database === undefined) {
      throw new QuorateError('INVALID_ARGUMENT', `${url} is no path of a database; use / or /NAME`);
    }
    const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim());
    if (offered !== undefined && !subprotocols.some((name) => offered.includes(name))) {
      throw new QuorateError('PROTOCOL_VERSION', `use one of the subprotocols ${subprotocols.join(', ')}`);
    }
    const { hranaMaxConnections } = this.#context.limits;
    if (this.#connections.size >= hranaMaxConnections) {
      throw new QuorateError('OVERLOADED', `${hranaMaxConnections} WebSocket connections are open`, {
        hint: 'Close some, or raise hrana-max-connections.',
      });
    }
    return database;
  }

  /** Closes all connections, and rolls back what is open on them. */
  async close(): Promise<void> {
    await Promise.all(
      [...this.#connections].map((connection) => connection.close(goingAway, 'the server is stopping')),
    );
  }
}

function refuse(socket: Duplex, error: QuorateError): void {
  const { status, body } = httpError(error);
  const head = `HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Type: application/json\r\n`;
  socket.end(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}
