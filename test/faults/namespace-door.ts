import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { NetworkNamespaces } from './namespaces.ts';

/** Runs in the namespace: passes what comes to a socket of the file system on to a port there. */
const inside = `
  const net = require('node:net');
  const [path, host, port] = process.argv.slice(1);
  const server = net.createServer((client) => {
    const target = net.connect(Number(port), host);
    for (const [one, other] of [[client, target], [target, client]]) {
      one.on('error', () => {}).on('close', () => other.destroy());
      one.pipe(other);
    }
  });
  server.listen(path, () => console.log('open'));
`;

/**
 * A way from this process to a port in a network namespace that does not go through its network: sockets of the file system
 * can be reached from all namespaces.
 */
export class NamespaceDoor implements Disposable {
  readonly #server: net.Server;
  readonly #directory: string;
  readonly #sockets = new Set<net.Socket>();

  private constructor(directory: string) {
    this.#directory = directory;
    this.#server = net.createServer((client) => this.#pass(client));
  }

  static async open(network: NetworkNamespaces, name: string, port: number): Promise<NamespaceDoor> {
    const door = new NamespaceDoor(mkdtempSync(path.join(os.tmpdir(), 'quorate-door-')));
    const parameters = ['-e', inside, door.#path, network.address(name), String(port)];
    const child = network.spawn(name, process.execPath, parameters, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    door.#server.listen(0, '127.0.0.1');
    await once(door.#server, 'listening');
    return door;
  }

  get #path(): string {
    return path.join(this.#directory, 'door');
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  #pass(client: net.Socket): void {
    const target = net.connect(this.#path);
    const ways: readonly (readonly [net.Socket, net.Socket])[] = [
      [client, target],
      [target, client],
    ];
    for (const [one, other] of ways) {
      this.#sockets.add(one);
      one
        .on('error', () => {})
        .on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      one.pipe(other);
    }
  }

  /** The other end goes with its namespace. */
  [Symbol.dispose](): void {
    this.#server.close();
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
