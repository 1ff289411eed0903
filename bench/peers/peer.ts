import { createServer } from 'node:net';
import { closedLoopRate } from '../measuring/closed-loop.ts';

/** Another database with replicas that hold each write before it is answered. */
export interface Peer extends AsyncDisposable {
  /** What it is and what of it must hold a write, for people. */
  readonly name: string;
  /** Transactions that it takes at once; it refuses more. Default: no limit. */
  readonly maxAtOnce?: number | undefined;
  /** Makes the table of `item-table.ts` anew, or what comes closest to it. */
  recreateTable(): Promise<void>;
  /** Inserts row `index` in a transaction of its own. */
  insert(index: number): Promise<void>;
}

/** Single-row inserts by clients that each wait for their answer, no more than the peer takes at once. Returns transactions per second. */
export async function peerRate(peer: Peer, clients: number, seconds: number): Promise<number> {
  await peer.recreateTable();
  return closedLoopRate(Math.min(clients, peer.maxAtOnce ?? clients), seconds, (index) => peer.insert(index));
}

const readyTimeoutMs = 60_000;

/** Asks again and again until the answer is true. @throws Error after a minute, with the last reason */
export async function untilReady(what: string, isReady: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + readyTimeoutMs;
  let cause: unknown;
  while (performance.now() < deadline) {
    try {
      if (await isReady()) {
        return;
      }
    } catch (error) {
      cause = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what} did not get ready within ${readyTimeoutMs} ms`, { cause });
}

/** Different ports of the loopback that nobody listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  const ports: number[] = [];
  for (const server of servers) {
    if (!server.listening) {
      await new Promise((resolve) => server.once('listening', resolve));
    }
    const address = server.address();
    ports.push(address !== null && typeof address === 'object' ? address.port : 0);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
