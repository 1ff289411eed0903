import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { CreateDatabaseRequest, UpdateDatabaseRequest } from '../src/proto/interface.ts';
import { adminPassword, follow, ServerFixture, type ServerProcess, shows } from './server-process.ts';

const program = fileURLToPath(new URL('../bin/quorate', import.meta.url));

const createItems = 'CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL)';

/** A request to create a replica of a database of another server or, without one, of the same server. */
function replicaRequest(database: string, upstream: string, server?: ServerProcess): CreateDatabaseRequest {
  return {
    database,
    role: '',
    replication: {
      enabled: true,
      primaryHost: server === undefined ? '' : '127.0.0.1',
      primaryPort: server?.port ?? 0,
      primaryDatabase: upstream,
      primaryUsername: 'admin',
      primaryPassword: adminPassword,
    },
  };
}

function update(database: string, changes: Partial<UpdateDatabaseRequest>): UpdateDatabaseRequest {
  return {
    database,
    ...changes,
  };
}

const code = (expected: string) => ({ code: expected });

test('what is written on a primary is read on its replica servers, users included, and on a replica of a replica', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const [first, second] = await Promise.all([
    fixture.start('first', ...follow(primary)),
    fixture.start('second', ...follow(primary)),
  ]);
  const third = await fixture.start('third', ...follow(first));
  await primary.execute('defaultdb', createItems);
  const txId = await primary.execute('defaultdb', "INSERT INTO items (name) VALUES ('a'), ('b')");
  for (const replica of [first, second, third]) {
    assert.deepEqual(await replica.query('defaultdb', 'SELECT name FROM items ORDER BY id', txId), [['a'], ['b']]);
    assert.equal(await replica.digest('defaultdb'), await primary.digest('defaultdb'));
  }
  const { replicas } = await primary.until('defaultdb', (status) =>
    status.replicas.every((replica) => replica.appliedTxId === txId),
  );
  assert.equal(replicas.length, 2);
  assert.equal(new Set(replicas.map(({ replicaId }) => replicaId)).size, 2);
  assert.equal((await third.database('defaultdb')).replicator?.upstream, `127.0.0.1:${first.port}/defaultdb`);
});

test('a replica refuses writes and names the primary, also for statements that look like reads', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const replica = await fixture.start('replica', ...follow(primary));
  const txId = await primary.execute('defaultdb', createItems);
  await replica.query('defaultdb', 'SELECT count(*) FROM items', txId);
  const writes = [
    "INSERT INTO items (name) VALUES ('x')",
    "WITH x(n) AS (VALUES ('x')) INSERT INTO items (name) SELECT n FROM x",
    'PRAGMA user_version = 7',
    'DROP TABLE items',
  ];
  for (const sql of writes) {
    await assert.rejects(
      replica.execute('defaultdb', sql),
      (error: { code: string; message: string; hint: string }) => {
        assert.equal(error.code, 'READ_ONLY_REPLICA');
        assert.match(error.message + error.hint, new RegExp(`127\\.0\\.0\\.1:${primary.port}/defaultdb`));
        return true;
      },
    );
  }
  assert.deepEqual(await primary.query('defaultdb', 'SELECT count(*) FROM items'), [[0n]]);
});

test('a replica of a database on the same server follows it, and takes over by hand without a restart', async (t) => {
  const fixture = new ServerFixture(t);
  const server = await fixture.start('server');
  const client = await server.client();
  await client.createDatabase(replicaRequest('replicadb', 'defaultdb'));
  await server.execute('defaultdb', createItems);
  const txId = await server.execute('defaultdb', "INSERT INTO items (name) VALUES ('a')");
  assert.deepEqual(await server.query('replicadb', 'SELECT name FROM items', txId), [['a']]);
  await assert.rejects(server.execute('replicadb', 'DELETE FROM items'), code('READ_ONLY_REPLICA'));

  const promoted = await client.updateDatabase(update('replicadb', { role: 'primary' }));
  assert.equal(promoted.role, 'primary');
  assert.ok(promoted.term > (await server.database('defaultdb')).term);
  await server.execute('replicadb', "INSERT INTO items (name) VALUES ('only here')");
  assert.deepEqual(await server.query('replicadb', 'SELECT count(*) FROM items'), [[2n]]);
  assert.deepEqual(await server.query('defaultdb', 'SELECT count(*) FROM items'), [[1n]]);
});

test('a replica changes its upstream without a restart and goes on where it was', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const middle = await fixture.start('middle', ...follow(primary));
  const leaf = await fixture.start('leaf', ...follow(middle));
  const before = await primary.execute('defaultdb', createItems);
  await leaf.until('defaultdb', shows(before));
  await middle.stop();
  const port = primary.port;
  await (await leaf.client()).updateDatabase(update('defaultdb', { primaryPort: port }));
  const txId = await primary.execute('defaultdb', "INSERT INTO items (name) VALUES ('b')");
  assert.deepEqual(await leaf.query('defaultdb', 'SELECT name FROM items', txId), [['b']]);
  const { replicator } = await leaf.database('defaultdb');
  assert.equal(replicator?.upstream, `127.0.0.1:${port}/defaultdb`);
  assert.equal(replicator?.state, 'streaming');
});

test('a replica that was killed catches up from its own log, and a killed primary keeps what it acknowledged', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const replica = await fixture.start('replica', ...follow(primary));
  await primary.execute('defaultdb', createItems);
  const seen = await primary.execute('defaultdb', "INSERT INTO items (name) VALUES ('before')");
  await replica.until('defaultdb', shows(seen));
  await replica.stop('SIGKILL');
  for (let index = 0; index < 200; index += 1) {
    await primary.execute('defaultdb', `INSERT INTO items (name) VALUES ('meanwhile ${index}')`);
  }
  await primary.stop('SIGKILL');
  const again = await fixture.start('primary');
  assert.deepEqual(await again.query('defaultdb', 'SELECT count(*) FROM items'), [[201n]]);
  const caughtUp = await fixture.start('replica', ...follow(again));
  await caughtUp.until('defaultdb', shows((await again.database('defaultdb')).tipTxId));
  assert.equal(await caughtUp.digest('defaultdb'), await again.digest('defaultdb'));
});

test('wrong credentials and a missing upstream database are shown, and mending them needs no restart', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const other = await fixture.start('other');
  const client = await other.client();
  const request = replicaRequest('copy', 'defaultdb', primary);
  await client.createDatabase({ ...request, replication: { ...request.replication!, primaryPassword: 'wrong' } });
  const refused = await other.until('copy', ({ replicator }) => replicator?.state === 'refused');
  assert.equal(refused.replicator?.lastError?.code, 'UNAUTHENTICATED');
  await client.updateDatabase(update('copy', { primaryPassword: adminPassword, primaryDatabase: 'nothing' }));
  const missing = await other.until('copy', ({ replicator }) => replicator?.state === 'refused');
  assert.equal(missing.replicator?.lastError?.code, 'DATABASE_NOT_FOUND');
  await client.updateDatabase(update('copy', { primaryDatabase: 'defaultdb' }));
  await other.until('copy', ({ replicator }) => replicator?.state === 'streaming');
  assert.doesNotMatch(JSON.stringify(await client.status()), new RegExp(adminPassword));
});

test('a replica pointed at another database, or with a history of its own, is refused and nothing is papered over', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const replica = await fixture.start('replica', ...follow(primary));
  await primary.execute('defaultdb', createItems);
  const client = await replica.client();
  await (await primary.client()).createDatabase({ database: 'another', role: '', replication: undefined });
  await primary.execute('another', createItems);
  await replica.until('defaultdb', shows(1));
  await client.updateDatabase(update('defaultdb', { primaryDatabase: 'another' }));
  const wrong = await replica.until('defaultdb', ({ replicator }) => replicator?.lastError !== undefined);
  assert.equal(wrong.replicator?.lastError?.code, 'WRONG_DATABASE');

  await client.updateDatabase(update('defaultdb', { role: 'primary' }));
  await replica.execute('defaultdb', "INSERT INTO items (name) VALUES ('mine')");
  await primary.execute('defaultdb', "INSERT INTO items (name) VALUES ('theirs')");
  const upstream = replicaRequest('defaultdb', 'defaultdb', primary).replication!;
  await client.updateDatabase(update('defaultdb', { ...upstream, replicationEnabled: true }));
  const diverged = await replica.until('defaultdb', ({ replicator }) => replicator?.lastError !== undefined);
  assert.ok(
    ['DIVERGED', 'STALE_TERM'].includes(diverged.replicator?.lastError?.code ?? ''),
    JSON.stringify(diverged.replicator),
  );
  assert.deepEqual(await replica.query('defaultdb', 'SELECT name FROM items'), [['mine']]);
});

test('a replica with replication disabled is fed by quorate replicate, one at a time, and catches up after a break', async (t) => {
  const fixture = new ServerFixture(t);
  const source = await fixture.start('source');
  const target = await fixture.start('target');
  const client = await target.client();
  await client.createDatabase({ database: 'fed', role: 'replica', replication: undefined });
  await source.execute('defaultdb', createItems);
  const args = (database: string) => [
    ...['replicate', '--json', '--from', `127.0.0.1:${source.port}/defaultdb`],
    ...['--to', `127.0.0.1:${target.port}/${database}`],
  ];
  const env = { ...process.env, QUORATE_FROM_PASSWORD: adminPassword, QUORATE_TO_PASSWORD: adminPassword };
  const start = (database = 'fed') =>
    spawn(process.execPath, [program, ...args(database)], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const pump = start();
  t.after(() => pump.kill('SIGKILL'));
  await target.until('fed', shows(1));

  const second = start();
  assert.equal((await once(second, 'exit'))[0], 9);
  const primaryTarget = start('defaultdb');
  assert.equal((await once(primaryTarget, 'exit'))[0], 9);
  await assert.rejects(target.execute('fed', 'DELETE FROM items'), code('READ_ONLY_REPLICA'));

  pump.kill('SIGTERM');
  assert.equal((await once(pump, 'exit'))[0], 0);
  const txId = await source.execute('defaultdb', "INSERT INTO items (name) VALUES ('later')");
  const resumed = start();
  t.after(() => resumed.kill('SIGKILL'));
  assert.deepEqual(await target.query('fed', 'SELECT name FROM items', txId), [['later']]);

  await client.updateDatabase(update('fed', { role: 'primary' }));
  assert.equal((await once(resumed, 'exit'))[0], 9);
});

test('an external replicator outlives a crash of either server', async (t) => {
  const fixture = new ServerFixture(t);
  let source = await fixture.start('source');
  let target = await fixture.start('target');
  const ports = { source: source.port, target: target.port };
  await (await target.client()).createDatabase({ database: 'fed', role: 'replica', replication: undefined });
  await source.execute('defaultdb', createItems);
  const addresses = ['--from', `127.0.0.1:${ports.source}/defaultdb`, '--to', `127.0.0.1:${ports.target}/fed`];
  const env = { ...process.env, QUORATE_FROM_PASSWORD: adminPassword, QUORATE_TO_PASSWORD: adminPassword };
  const pump = spawn(process.execPath, [program, 'replicate', ...addresses], { env, stdio: 'ignore' });
  t.after(() => pump.kill('SIGKILL'));
  await target.until('fed', shows(1));

  await target.stop('SIGKILL');
  await source.execute('defaultdb', "INSERT INTO items (name) VALUES ('while the target was down')");
  target = await fixture.start('target', `--port=${ports.target}`);
  await target.until('fed', shows(2));
  await source.stop('SIGKILL');
  source = await fixture.start('source', `--port=${ports.source}`);
  const txId = await source.execute('defaultdb', "INSERT INTO items (name) VALUES ('after the source was down')");
  await target.until('fed', shows(txId));
  assert.equal(await target.digest('fed'), await source.digest('defaultdb'));
  assert.equal(pump.exitCode, null);
});
