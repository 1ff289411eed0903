/** HAProxy with the configuration of deploy/haproxy in front of real servers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { NodeClient } from '../src/client/interface.ts';
import { balancerMissing, startBalancer } from './balancer.ts';
import { follow, ServerFixture } from './server-process.ts';

const patienceMs = 30_000;

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
  skip: balancerMissing,
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
