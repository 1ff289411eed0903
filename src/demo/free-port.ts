import { once } from 'node:events';
import { createServer } from 'node:net';

async function tryPort(host: string, port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : undefined;
  } catch {
    return undefined;
  } finally {
    server.close();
  }
}

/** Ports to listen on: each preferred one if it is free, another free one otherwise; no port twice. */
export async function findFreePorts(host: string, preferred: readonly number[]): Promise<number[]> {
  const found: number[] = [];
  for (const port of preferred) {
    let candidate = found.includes(port) ? undefined : await tryPort(host, port);
    while (candidate === undefined || found.includes(candidate)) {
      candidate = await tryPort(host, 0);
    }
    found.push(candidate);
  }
  return found;
}
