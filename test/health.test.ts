/** What the nodes tell load balancers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NodeClient } from '../src/client/interface.ts';
import { adminPassword, follow, ServerFixture, type ServerProcess } from './server-process.ts';
import { until } from './until.ts';

/** Statuses of paths, as `{ '/primary': 200 }`. */
async function statuses(server: ServerProcess, ...paths: string[]): Promise<Record<string, number>> {
  const answers = await Promise.all(paths.map(async (path) => [path, (await fetch(server.httpUrl + path)).status]));
  return Object.fromEntries(answers);
}

async function untilStatus(server: ServerProcess, path: string, wanted: number): Promise<void> {
  let found: number | undefined;
  const isWanted = async () => {
    found = (await fetch(server.httpUrl + path)).status;
    return found === wanted;
  };
  await until(() => `${path} answers ${wanted} and not ${found}`, isWanted);
}

const all = ['/primary', '/read-only', '/replica', '/replica?lag=1MB', '/replica?lag=30s', '/sync'];

test('health checks tell roles, acknowledgements and databases', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const replica = await fixture.start('replica', ...follow(primary));
  await replica.until('defaultdb', ({ replicator }) => replicator?.state === 'streaming');
  const onPrimary = { '/primary': 200, '/read-only': 200, '/replica': 503 };
  assert.deepEqual(await statuses(primary, ...all), {
    ...onPrimary,
    ...{ '/replica?lag=1MB': 503, '/replica?lag=30s': 503, '/sync': 503 },
  });
  const onReplica = { '/primary': 503, '/read-only': 200, '/replica': 200, '/replica?lag=1MB': 200 };
  assert.deepEqual(await statuses(replica, ...all), { ...onReplica, '/replica?lag=30s': 200, '/sync': 503 });

  const client = await primary.client();
  const acks = { level: 'sync', acks: 1, members: [], whenShort: 'block', degradeAfterMs: 0, timeoutMs: 0 };
  await client.updateDatabase({ database: 'defaultdb', acks });
  await untilStatus(replica, '/sync', 200);
  await client.updateDatabase({ database: 'defaultdb', acks: { ...acks, members: ['somebody else'] } });
  await untilStatus(replica, '/sync', 503);

  // The users are nobody's but the first server's: its replica says so for that database.
  assert.deepEqual(await statuses(primary, '/primary?database=systemdb', '/primary?database=none'), {
    '/primary?database=systemdb': 200,
    '/primary?database=none': 503,
  });
  assert.deepEqual(await statuses(primary, '/replica?lag=much', '/primary?lag=1MB'), {
    '/replica?lag=much': 400,
    '/primary?lag=1MB': 200,
  });
  for (const method of ['HEAD', 'OPTIONS']) {
    const yes = await fetch(`${primary.httpUrl}/primary`, { method });
    const no = await fetch(`${primary.httpUrl}/replica`, { method });
    assert.deepEqual([yes.status, await yes.text(), no.status, await no.text()], [200, '', 503, ''], method);
  }
  assert.equal((await fetch(`${primary.httpUrl}/primary`, { method: 'POST' })).status, 405);
});

test('a replica that is too far behind, or hears nothing, is taken out where a limit is named', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  await primary.execute('defaultdb', 'CREATE TABLE items (id INTEGER PRIMARY KEY, name BLOB)');
  const replica = await fixture.start('replica', ...follow(primary));
  await replica.until('defaultdb', ({ appliedTxId }) => appliedTxId === 1);
  await (await replica.client()).updateDatabase({ database: 'defaultdb', replicationDelayMs: 3_600_000 });
  await primary.execute('defaultdb', 'INSERT INTO items (name) VALUES (zeroblob(2000000))');
  await replica.until('defaultdb', ({ replicator, durableTxId, appliedTxId }) => {
    return replicator?.state === 'streaming' && durableTxId === 2 && appliedTxId === 1;
  });
  await untilStatus(replica, '/replica?lag=1MB', 503);
  assert.deepEqual(await statuses(replica, '/replica', '/replica?lag=10MB', '/read-only?lag=1MB'), {
    '/replica': 200,
    '/replica?lag=10MB': 200,
    '/read-only?lag=1MB': 503,
  });

  await (await replica.client()).updateDatabase({ database: 'defaultdb', replicationDelayMs: 0 });
  await untilStatus(replica, '/replica?lag=1s', 200);
  await primary.stop('SIGKILL');
  await untilStatus(replica, '/replica?lag=1s', 503);
  // What it was told of is all here, and it still can be read.
  assert.deepEqual(await statuses(replica, '/replica', '/replica?lag=1MB', '/sync'), {
    '/replica': 200,
    '/replica?lag=1MB': 200,
    '/sync': 503,
  });

  // One that has never heard of its upstream does not know how far it is behind.
  await replica.stop();
  const alone = await fixture.start('replica', ...follow(primary));
  assert.deepEqual(await statuses(alone, '/replica', '/replica?lag=1MB'), { '/replica': 200, '/replica?lag=1MB': 503 });
});

test('a server that is told to stop first turns its checks, serves on, and then lets requests end', async (t) => {
  const fixture = new ServerFixture(t);
  const server = await fixture.start('server', '--drain-delay=5s');
  assert.deepEqual(await statuses(server, '/readiness', '/primary'), { '/readiness': 200, '/primary': 200 });
  const stopped = server.stop();
  await untilStatus(server, '/readiness', 503);
  assert.deepEqual(await statuses(server, '/liveness', '/primary', '/read-only'), {
    '/liveness': 200,
    '/primary': 503,
    '/read-only': 503,
  });
  using late = new NodeClient({ host: '127.0.0.1', port: server.port });
  await late.login('admin', adminPassword);
  await late.execute('defaultdb', [{ sql: 'CREATE TABLE late (id INTEGER PRIMARY KEY)' }]);
  assert.equal(await stopped, 0);
});
