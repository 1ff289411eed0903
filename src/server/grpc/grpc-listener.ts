import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { QuorateError } from '../../errors/interface.ts';
import type { NodeAddress } from '../node/follow-settings.ts';

/** Takes connections up to a limit and hands them on; gRPC itself would take any number. */
export class GrpcListener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly address: NodeAddress;
  #refused = 0;

  private constructor(server: Server, host: string) {
    this.#server = server;
    this.address = { host, port: (server.address() as AddressInfo).port };
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('drop', () => {
      this.#refused += 1;
    });
  }

  /** Listens; port 0 takes a free one. @throws QuorateError ADDRESS_IN_USE, IO_ERROR */
  static async listen(
    { host, port }: NodeAddress,
    maxConnections: number,
    accept: (socket: Socket) => void,
  ): Promise<GrpcListener> {
    const server = createServer({ noDelay: true });
    server.maxConnections = maxConnections;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause: NodeJS.ErrnoException) => reject(listenError(cause, host, port)));
      server.listen(port, host, resolve);
    });
    const listener = new GrpcListener(server, host);
    server.on('connection', accept);
    return listener;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Connections over the limit, which were closed at once. */
  get refused(): number {
    return this.#refused;
  }

  /** Takes no more connections. */
  stop(): void {
    this.#server.close();
  }

  /** Ends the connections that are left. */
  destroy(): void {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }
}

function listenError(cause: NodeJS.ErrnoException, host: string, port: number): QuorateError {
  const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const inUse = cause.code === 'EADDRINUSE';
  return new QuorateError(inUse ? 'ADDRESS_IN_USE' : 'IO_ERROR', inUse ? `${target} is in use` : cause.message, {
    cause,
    hint: inUse ? 'Stop the program that listens there, or choose another --port.' : 'Check --address and --port.',
  });
}
