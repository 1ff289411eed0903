/** Chains, many replicas, loops, delays and changes of upstream with real servers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CreateDatabaseRequest, DatabaseStatus, UpdateDatabaseRequest } from '../src/proto/interface.ts';
import { quorate } from './command-line.ts';
import { loginToken } from './hrana-server.ts';
import { adminPassword, ServerFixture, type ServerProcess, streams } from './server-process.ts';

const createItems = 'CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL)';
const insert = "INSERT INTO items (name) VALUES ('x')";
const hour = 3_600_000;

/** Flags by which a test need not wait for slow retries. */
const eager = ['--replication-refused-retry=100ms', '--replication-backoff-max=100ms'];

function replicaOf(upstream: ServerProcess, database: string, upstreamDatabase = database): CreateDatabaseRequest {
  return {
    database,
    role: '',
    replication: {
      enabled: true,
      primaryHost: '127.0.0.1',
      primaryPort: upstream.port,
      primaryDatabase: upstreamDatabase,
      primaryUsername: 'admin',
      primaryPassword: adminPassword,
    },
  };
}

async function create(server: ServerProcess, request: CreateDatabaseRequest): Promise<void> {
  await (await server.client()).createDatabase(request);
}

async function update(server: ServerProcess, request: UpdateDatabaseRequest): Promise<DatabaseStatus> {
  return await (await server.client()).updateDatabase(request);
}

async function follow(server: ServerProcess, database: string, upstream: ServerProcess): Promise<void> {
  const credentials = { primaryUsername: 'admin', primaryPassword: adminPassword };
  const address = { primaryHost: '127.0.0.1', primaryPort: upstream.port, primaryDatabase: database };
  await update(server, { database, replicationEnabled: true, ...address, ...credentials });
}

async function assertEqualAt(txId: number, expected: string, server: ServerProcess, database: string): Promise<void> {
  await server.until(database, ({ appliedTxId }) => appliedTxId >= txId);
  assert.equal(await server.digest(database), expected, `${server.directory} ${database}`);
}

const isRefused = ({ replicator }: DatabaseStatus) => replicator?.state === 'refused';

test('ten replicas of one primary are equal to it, and each is followed on its own', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const servers = await Promise.all([fixture.start('first'), fixture.start('second')]);
  await primary.execute('defaultdb', createItems);
  const replicas = Array.from({ length: 10 }, (_, index) => ({
    server: servers[index % 2] as ServerProcess,
    database: `copy-${index}`,
  }));
  for (const { server, database } of replicas) {
    await create(server, replicaOf(primary, database, 'defaultdb'));
  }
  let txId = 0;
  for (let round = 0; round < 100; round += 1) {
    txId = await primary.execute('defaultdb', insert);
  }
  const expected = await primary.digest('defaultdb');
  for (const { server, database } of replicas) {
    await assertEqualAt(txId, expected, server, database);
  }
  const { replicas: attached } = await primary.until('defaultdb', (status) =>
    status.replicas.every(({ appliedTxId }) => appliedTxId === txId),
  );
  assert.equal(new Set(attached.map(({ replicaId }) => replicaId)).size, 10);
});

test('a chain of three survives the kill of its middle, and only direct replicas count as acknowledging', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const first = await fixture.start('first', '--node-name=first');
  const middle = await fixture.start('middle', ...eager);
  const leaf = await fixture.start('leaf', '--node-name=leaf', ...eager);
  await create(primary, { database: 'shop', role: '' });
  await create(first, replicaOf(primary, 'shop'));
  await create(middle, replicaOf(first, 'shop'));
  await create(leaf, replicaOf(middle, 'shop'));
  let txId = await primary.execute('shop', createItems, insert);
  await assertEqualAt(txId, await primary.digest('shop'), leaf, 'shop');

  await middle.stop('SIGKILL');
  txId = await primary.execute('shop', insert);
  const back = await fixture.start('middle', `--port=${middle.port}`, ...eager);
  const expected = await primary.digest('shop');
  for (const server of [first, back, leaf]) {
    await assertEqualAt(txId, expected, server, 'shop');
  }

  // The leaf holds everything, and still nobody but the first replica is asked or counted.
  const blank = { level: 'sync', acks: 1, whenShort: '', degradeAfterMs: 0, timeoutMs: 300 };
  await update(primary, { database: 'shop', acks: { ...blank, members: ['leaf'] } });
  await assert.rejects(primary.execute('shop', insert), { code: 'COMMIT_IN_DOUBT' });
  await update(primary, { database: 'shop', acks: { ...blank, members: ['first'] } });
  const client = await primary.client();
  const { acks } = await client.execute('shop', [{ sql: insert }]);
  assert.equal(acks, 1);
  const { replicas } = await primary.database('shop');
  assert.deepEqual(
    replicas.map(({ replicaName }) => replicaName),
    ['first'],
  );
});

test('a replica changes its upstream live, at the top and at the foot of a chain, and goes on by position and hash', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const middle = await fixture.start('middle', ...eager);
  const leaf = await fixture.start('leaf', ...eager);
  await create(primary, { database: 'shop', role: '' });
  await create(middle, replicaOf(primary, 'shop'));
  await create(leaf, replicaOf(middle, 'shop'));
  let txId = await primary.execute('shop', createItems, insert);
  await leaf.until('shop', ({ appliedTxId }) => appliedTxId >= txId);
  const { databaseId } = await leaf.database('shop');

  await follow(leaf, 'shop', primary);
  await follow(middle, 'shop', leaf);
  txId = await primary.execute('shop', insert);
  await assertEqualAt(txId, await primary.digest('shop'), middle, 'shop');
  const moved = await middle.database('shop');
  assert.equal(moved.replicator?.upstream, `127.0.0.1:${leaf.port}/shop`);
  assert.deepEqual(moved.databaseId, databaseId);
  // All of the log is still there: nothing was copied anew.
  assert.equal(moved.tipTxId, txId);
});

test('a loop over two or three servers is refused with its path, and mends itself when it is opened', async (t) => {
  const fixture = new ServerFixture(t);
  const [a, b, c] = await Promise.all(
    ['a', 'b', 'c'].map((name) => fixture.start(name, `--node-name=${name}`, ...eager)),
  );
  assert.ok(a && b && c);
  await create(a, { database: 'shop', role: '' });
  await create(b, replicaOf(a, 'shop'));
  await create(c, replicaOf(b, 'shop'));
  let txId = await a.execute('shop', createItems, insert);
  await c.until('shop', ({ appliedTxId }) => appliedTxId >= txId);

  await follow(b, 'shop', c);
  const refused = await b.until('shop', isRefused);
  assert.equal(refused.replicator?.lastError?.code, 'REPLICATION_LOOP');
  assert.match(refused.replicator?.reason ?? '', new RegExp(`${c.ready.nodeId}/shop`));
  assert.equal((await c.database('shop')).replicator?.state, 'streaming');

  // The same over all three: what was the primary becomes a replica of the last.
  await follow(b, 'shop', a);
  await b.until('shop', streams);
  await follow(a, 'shop', c);
  await a.until('shop', isRefused);

  await update(a, { database: 'shop', role: 'primary' });
  await follow(b, 'shop', a);
  await b.until('shop', streams);
  await follow(c, 'shop', b);
  txId = await a.execute('shop', insert);
  await assertEqualAt(txId, await a.digest('shop'), c, 'shop');
});

test('two new replicas that follow each other are refused although neither has anything', async (t) => {
  const fixture = new ServerFixture(t);
  const [a, b] = await Promise.all(['a', 'b'].map((name) => fixture.start(name, ...eager)));
  assert.ok(a && b);
  await create(a, replicaOf(b, 'shop'));
  await create(b, replicaOf(a, 'shop'));
  const states = async () => [await a.database('shop'), await b.database('shop')];
  for (let found = await states(); !found.some(isRefused); ) {
    found = await states();
  }
});

test('databases of one server that would follow each other are refused when they are made or changed', async (t) => {
  const fixture = new ServerFixture(t);
  const server = await fixture.start('server');
  await create(server, replicaOf(server, 'one', 'two'));
  await assert.rejects(create(server, replicaOf(server, 'two', 'one')), { code: 'REPLICATION_LOOP' });
  await create(server, { database: 'two', role: '' });
  await create(server, replicaOf(server, 'three', 'one'));
  await assert.rejects(
    update(server, { database: 'two', replicationEnabled: true, ...upstreamFields(server, 'three') }),
    { code: 'REPLICATION_LOOP' },
  );
  assert.equal((await server.database('two')).role, 'primary');
  const { stderr, exitCode } = await quorate(
    ['database', 'update', 'two', '--replication-enabled', '--replication-primary-database', 'one'].concat(
      ['--replication-primary-username=admin', `--replication-primary-password=${adminPassword}`],
      ['--port', String(server.port), '--token', await loginToken(server)],
    ),
  );
  assert.match(stderr, /REPLICATION_LOOP/);
  assert.equal(exitCode, 13);
});

function upstreamFields(server: ServerProcess, database: string) {
  const { primaryHost, primaryPort, primaryDatabase, primaryUsername, primaryPassword } =
    replicaOf(server, database).replication ?? {};
  return { primaryHost, primaryPort, primaryDatabase, primaryUsername, primaryPassword };
}

test('a delayed replica acknowledges at once, shows late, keeps its delay over a kill, and loses nothing when it is promoted', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const late = await fixture.start('late');
  const request = replicaOf(primary, 'shop');
  await create(primary, { database: 'shop', role: '' });
  assert.ok(request.replication);
  await create(late, { ...request, replication: { ...request.replication, delayMs: hour } });
  const settings = { level: 'sync', acks: 1, members: [], whenShort: '', degradeAfterMs: 0, timeoutMs: 20_000 };
  await update(primary, { database: 'shop', acks: settings });
  await primary.execute('shop', createItems);
  const txId = await primary.execute('shop', insert);

  const held = await late.until('shop', ({ durableTxId, commitTxId }) => durableTxId >= txId && commitTxId >= txId);
  assert.equal(held.appliedTxId, 0);
  assert.equal(held.replicator?.delayMs, hour);
  const lag = await late.until('shop', ({ replicator }) => replicator?.receivedLagTransactions === 0);
  assert.deepEqual([lag.replicator?.lagTransactions, lag.replicator?.receivedLagMs], [2, 0]);
  const { stdout } = await quorate(['status', '--port', String(late.port), '--token', await loginToken(late)]);
  assert.match(stdout, /streaming, delay 1h\)/);
  assert.match(stdout, /on disk 0 tx, 0 B, 0 ms/);

  await late.stop('SIGKILL');
  const again = await fixture.start('late', `--port=${late.port}`);
  await again.until('shop', streams);
  assert.equal((await again.database('shop')).appliedTxId, 0);
  await update(again, { database: 'shop', role: 'primary' });
  assert.deepEqual(await again.query('shop', 'SELECT count(*) FROM items'), [[1n]]);
});

test('a delay is changed live: a short one shows what is old enough, none shows everything', async (t) => {
  const fixture = new ServerFixture(t);
  const server = await fixture.start('server');
  const request = replicaOf(server, 'late', 'defaultdb');
  assert.ok(request.replication);
  await create(server, { ...request, replication: { ...request.replication, delayMs: hour } });
  const txId = await server.execute('defaultdb', createItems);
  await server.until('late', ({ durableTxId }) => durableTxId >= txId);
  assert.equal((await server.database('late')).appliedTxId, 0);
  await update(server, { database: 'late', replicationDelayMs: 1_000 });
  await server.until('late', ({ appliedTxId }) => appliedTxId === txId);
  const at = Date.now();
  const second = await server.execute('defaultdb', insert);
  await server.until('late', ({ appliedTxId }) => appliedTxId === second);
  assert.ok(Date.now() - at >= 1_000, 'the delay was kept');
  await update(server, { database: 'late', replicationDelayMs: hour });
  const third = await server.execute('defaultdb', insert);
  await server.until('late', ({ durableTxId }) => durableTxId >= third);
  assert.equal((await server.database('late')).appliedTxId, second);
  await update(server, { database: 'late', replicationDelayMs: 0 });
  await server.until('late', ({ appliedTxId }) => appliedTxId === third);
});
