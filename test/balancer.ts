import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { findFreePorts } from '../src/demo/free-port.ts';
import type { ServerProcess } from './server-process.ts';

const program = ['haproxy', '/usr/sbin/haproxy'].find((name) => spawnSync(name, ['-v']).status === 0);
export const balancerMissing =
  program !== undefined
    ? false
    : 'HAProxy is not installed here (apt-get install haproxy), so load balancing is not tested';

interface Balancer {
  readonly primaryPort: number;
  readonly replicasPort: number;
}

interface BalancerOptions {
  /** What of the nodes clients reach through it. */
  readonly service?: 'grpc' | 'http';
  /** What nodes are primary of, or not. */
  readonly database?: string;
}

/** HAProxy with the configuration of deploy/, the ports of this test, and checks that come more often. */
export async function startBalancer(
  t: TestContext,
  directory: string,
  nodes: readonly ServerProcess[],
  { service = 'grpc', database = 'defaultdb' }: BalancerOptions = {},
): Promise<Balancer> {
  const [primaryPort = 0, replicasPort = 0] = await findFreePorts('127.0.0.1', [0, 0]);
  let text = readFileSync(new URL('../deploy/haproxy/haproxy.cfg', import.meta.url), 'utf8')
    .replace(':5000', `127.0.0.1:${primaryPort}`)
    .replace(':5001', `127.0.0.1:${replicasPort}`)
    .replace('uri /primary', `uri /primary?database=${database}`)
    .replace('inter 1s', 'inter 100ms');
  for (const [i, { ready }] of nodes.entries()) {
    text = text.replaceAll(`node${i + 1}:3322 check`, `127.0.0.1:${ready[service].port} check port ${ready.http.port}`);
  }
  const file = path.join(directory, 'haproxy.cfg');
  writeFileSync(file, text);
  const child = spawn(program as string, ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'inherit'] });
  const closed = once(child, 'close');
  t.after(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  return { primaryPort, replicasPort };
}
