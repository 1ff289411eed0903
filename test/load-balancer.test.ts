/** HAProxy with the configuration of deploy/haproxy in front of real servers. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { NodeClient } from '../src/client/interface.ts';
import { findFreePorts } from '../src/demo/free-port.ts';
import { follow, ServerFixture, type ServerProcess } from './server-process.ts';

const program = ['haproxy', '/usr/sbin/haproxy'].find((name) => spawnSync(name, ['-v']).status === 0);
const missing = 'HAProxy is not installed here (apt-get install haproxy), so load balancing is not tested';

const patienceMs = 30_000;

interface Balancer {
  readonly primaryPort: number;
  readonly replicasPort: number;
}

/** The configuration of deploy/ with the ports of this test, and checks that come more often. */
async function startBalancer(t: TestContext, directory: string, nodes: readonly ServerProcess[]): Promise<Balancer> {
  const [primaryPort = 0, replicasPort = 0] = await findFreePorts('127.0.0.1', [0, 0]);
  let text = readFileSync(new URL('../deploy/haproxy/haproxy.cfg', import.meta.url), 'utf8')
    .replace(':5000', `127.0.0.1:${primaryPort}`)
    .replace(':5001', `127.0.0.1:${replicasPort}`)
    .replace('inter 1s', 'inter 100ms');
  for (const [i, { port, ready }] of nodes.entries()) {
    text = text.replaceAll(`node${i + 1}:3322 check`, `127.0.0.1:${port} check port ${ready.http.port}`);
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

/** The node to which a new connection leads; undefined when it leads nowhere. */
async function nodeBehind(port: number, token: string): Promise<string | undefined> {
  using client = new NodeClient({ host: '127.0.0.1', port, token });
  try {
    return (await client.status()).nodeId;
  } catch {
    return undefined;
  }
}

async function untilBehind(port: number, token: string, wanted: readonly (string | undefined)[]): Promise<void> {
  const seen = new Set<string | undefined>();
  for (const end = Date.now() + patienceMs; ; await sleep(50)) {
    // As many connections as there are nodes: in turn they lead to all of them.
    const found = new Set([
      await nodeBehind(port, token),
      await nodeBehind(port, token),
      await nodeBehind(port, token),
    ]);
    if (found.size === wanted.length && wanted.every((nodeId) => found.has(nodeId))) {
      return;
    }
    for (const nodeId of found) {
      seen.add(nodeId);
    }
    assert.ok(Date.now() < end, `connections lead to ${[...found]} and not to ${wanted}; seen were ${[...seen]}`);
  }
}

test('a balancer follows a primary and replicas that die and are promoted', {
  skip: program ? false : missing,
}, async (t) => {
  const fixture = new ServerFixture(t);
  const first = await fixture.start('node1');
  const second = await fixture.start('node2', ...follow(first));
  const third = await fixture.start('node3', ...follow(first));
  for (const replica of [second, third]) {
    await replica.until('defaultdb', ({ replicator }) => replicator?.state === 'streaming');
  }
  const { users } = await first.client();
  const { token } = await users.createToken({ user: 'admin', scope: [], ttlMs: 0 });
  const { primaryPort, replicasPort } = await startBalancer(t, fixture.root, [first, second, third]);
  const ids = [first, second, third].map(({ ready }) => ready.nodeId);

  await untilBehind(primaryPort, token, [ids[0]]);
  await untilBehind(replicasPort, token, [ids[1], ids[2]]);

  await third.stop('SIGKILL');
  await untilBehind(replicasPort, token, [ids[1]]);

  await first.stop('SIGKILL');
  await untilBehind(primaryPort, token, [undefined]);
  await (await second.client()).updateDatabase({ database: 'defaultdb', role: 'primary' });
  await untilBehind(primaryPort, token, [ids[1]]);
  await untilBehind(replicasPort, token, [undefined]);

  using client = new NodeClient({ host: '127.0.0.1', port: primaryPort, token });
  await client.execute('defaultdb', [{ sql: 'CREATE TABLE after_failover (id INTEGER PRIMARY KEY)' }]);
});
