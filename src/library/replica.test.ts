import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { NodeClient } from '../client/interface.ts';
import type { Consistency, QuorateDatabase } from './interface.ts';
import { blockUntil, temporaryNode } from './testing/temporary-node.ts';

const adminPassword = 'a password of this test';
let server: Awaited<ReturnType<typeof temporaryNode>>;
let edge: Awaited<ReturnType<typeof temporaryNode>>;
let primary: QuorateDatabase;
let replica: QuorateDatabase;

const upstream = (database: string) => ({
  host: '127.0.0.1',
  port: server.node.address?.port,
  database,
  username: 'admin',
  password: adminPassword,
});

before(async () => {
  server = await temporaryNode({ listen: { port: 0 }, adminPassword, name: 'origin' });
  edge = await temporaryNode({ name: 'edge', limits: { backoffMaxMs: 200 } });
  primary = await server.node.openOrCreate('shop');
  await primary.execute('CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT)');
  replica = await edge.node.replica('shop', upstream('shop'));
});
after(async () => {
  await edge[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

test('a token of a write on the primary is what to wait for on a replica', async () => {
  for (let round = 1; round <= 20; round += 1) {
    const { position } = await primary.execute('INSERT INTO item (name) VALUES (?)', [`round ${round}`]);
    await replica.waitFor(position);
    assert.equal(replica.queryOne('SELECT count(*) AS c FROM item')?.['c'], round);
  }
  assert.equal((await replica.digest()).digest, (await primary.digest()).digest);
});

test('an application that blocks its event loop delays neither writing nor replication', async () => {
  const before = replica.position();
  const write = primary.execute("INSERT INTO item (name) VALUES ('unattended')");
  await Promise.resolve();
  // From here on nothing of this thread runs but the loop; the write is logged, sent, received and applied elsewhere.
  blockUntil(() => replica.position() !== before);
  assert.equal(replica.query("SELECT 1 FROM item WHERE name = 'unattended'").length, 1);
  await write;
});

test('a write on a replica is refused and the error names the primary', async () => {
  const { port } = upstream('shop');
  for (const write of [
    () => replica.execute('DELETE FROM item'),
    () => replica.batch(['DELETE FROM item']),
    () => replica.transaction((tx) => tx.execute('DELETE FROM item')),
  ]) {
    await assert.rejects(write(), { code: 'READ_ONLY_REPLICA', message: new RegExp(`127.0.0.1:${port}/shop`) });
  }
});

test('reads of a replica keep to the level that they ask for', async () => {
  const { position } = await primary.execute("INSERT INTO item (name) VALUES ('level')");
  const sql = "SELECT count(*) AS n FROM item WHERE name = 'level'";
  const read = (db: QuorateDatabase, consistency: Consistency) =>
    db.queryAsync<{ n: number }>(sql, [], { consistency }).then(([row]) => row?.n);
  const count = (consistency: Consistency) => read(replica, consistency);
  assert.equal(await count({ position }), 1);
  assert.equal(await count({ maxLagMs: 60_000, maxLagTransactions: 0 }), 1);
  await assert.rejects(count('linearizable'), { code: 'WRONG_ROLE' });
  assert.equal(await read(primary, 'linearizable'), 1);
  await edge.node.updateDatabase('shop', { replicationEnabled: false });
  await assert.rejects(count({ maxLagMs: 60_000 }), { code: 'TOO_STALE', retryable: true });
  await edge.node.updateDatabase('shop', { replicationEnabled: true });
  const after = await primary.execute("DELETE FROM item WHERE name = 'level'");
  assert.equal(await count({ position: after.position }), 0);
});

test('both ends tell of each other', async () => {
  await replica.waitFor(primary.position());
  const { open } = await replica.status();
  assert.equal(open?.role, 'replica');
  assert.equal(open?.replication?.state, 'streaming');
  assert.equal(open?.replication?.lagTransactions, 0);
  assert.deepEqual(
    (await primary.status()).open?.replicas.map(({ name }) => name),
    ['edge'],
  );
});

test('asking for the same replica again gives another handle of it, with another upstream it follows that one', async () => {
  const again = await edge.node.replica('shop', upstream('shop'));
  assert.equal(again.position(), replica.position());
  const other = await server.node.openOrCreate('catalog');
  await other.execute('CREATE TABLE book (title)');
  const copy = await edge.node.replica('copy', { ...upstream('catalog'), password: 'wrong' });
  await assert.rejects(copy.waitFor(other.position(), { timeoutMs: 100 }), { code: 'WAIT_TIMEOUT' });
  await edge.node.replica('copy', upstream('catalog'));
  await copy.waitFor(other.position());
  assert.deepEqual(copy.query('SELECT * FROM book'), []);
});

test('a primary is never turned into a replica by opening it as one', async () => {
  const own = await edge.node.openOrCreate('own');
  await own.execute('CREATE TABLE t (x)');
  await assert.rejects(edge.node.replica('own', upstream('shop')), { code: 'WRONG_ROLE' });
  await own.execute('INSERT INTO t VALUES (1)');
});

test('a node that listens answers the clients of a server', async () => {
  using client = new NodeClient({ host: '127.0.0.1', port: Number(server.node.address?.port) });
  await assert.rejects(client.execute('shop', [{ sql: 'SELECT 1' }]), { code: 'UNAUTHENTICATED' });
  await client.login('admin', adminPassword);
  const { txId } = await client.execute('shop', [{ sql: "INSERT INTO item (name) VALUES ('from afar')" }]);
  assert.equal(primary.queryOne<{ c: number }>("SELECT count(*) AS c FROM item WHERE name = 'from afar'")?.c, 1);
  await replica.waitFor(primary.position());
  assert.equal((await replica.status()).open?.appliedTxId, txId);
});

test('a replica that is promoted takes writes from then on', async () => {
  const following = await edge.node.replica('next', upstream('shop'));
  await following.waitFor(primary.position());
  await edge.node.updateDatabase('next', { role: 'primary' });
  const { position } = await following.execute("INSERT INTO item (name) VALUES ('mine now')");
  assert.notEqual(position.split('-')[1], primary.position().split('-')[1]);
  assert.equal(following.query("SELECT 1 FROM item WHERE name = 'mine now'").length, 1);
  assert.equal(primary.query("SELECT 1 FROM item WHERE name = 'mine now'").length, 0);
});
