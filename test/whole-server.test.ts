/** Servers that follow the whole of another one: databases come and go, and what people made stays. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { NodeClient } from '../src/client/interface.ts';
import type { CreateDatabaseRequest, UpdateDatabaseRequest } from '../src/proto/interface.ts';
import { quorate } from './command-line.ts';
import { adminPassword, follow, ServerFixture, type ServerProcess } from './server-process.ts';
import { eventually } from './until.ts';

/** Asks often, so that a test need not wait. */
const eager = '--replication-discovery-interval=50ms';

const createItems = 'CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL)';

async function create(server: ServerProcess, database: string): Promise<void> {
  const request: CreateDatabaseRequest = { database, role: '' };
  await (await server.client()).createDatabase(request);
  await server.execute(database, createItems, `INSERT INTO items (name) VALUES ('${database}')`);
}

async function names(server: ServerProcess): Promise<string[]> {
  const { databases } = await (await server.client()).status();
  return databases.map(({ database }) => database);
}

/** Waits until a server has exactly these databases besides those of every server. */
async function untilNames(server: ServerProcess, expected: readonly string[]): Promise<void> {
  const wanted = ['defaultdb', ...expected, 'systemdb'].sort().join();
  await eventually(
    async () => (await names(server)).join(),
    (found) => found === wanted,
  );
}

async function untilEqual(of: ServerProcess, to: ServerProcess, database: string): Promise<void> {
  const wanted = await of.digest(database);
  await to.until(database, ({ appliedTxId }) => appliedTxId >= Number(wanted.split(' ')[0]));
  assert.equal(await to.digest(database), wanted);
}

function update(database: string, changes: Partial<UpdateDatabaseRequest>): UpdateDatabaseRequest {
  return { database, ...changes };
}

const following = async (server: ServerProcess) => (await (await server.client()).status()).following;

/** Lets the server ask its upstream a few times more. */
async function untilLeftAlone(server: ServerProcess, pattern: RegExp): Promise<void> {
  await eventually(
    async () => (await following(server))?.leftAlone ?? [],
    (left) => left.some((text) => pattern.test(text)),
  );
}

test('databases that are created or deleted on a server come and go on the servers that follow it, in a chain, too', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  await create(primary, 'early');
  const replica = await fixture.start('replica', ...follow(primary, eager));
  const leaf = await fixture.start('leaf', ...follow(replica, eager));
  await create(primary, 'late');
  for (const server of [replica, leaf]) {
    await untilNames(server, ['early', 'late']);
    for (const database of ['early', 'late', 'systemdb', 'defaultdb']) {
      await untilEqual(primary, server, database);
    }
    assert.deepEqual(await server.query('late', 'SELECT name FROM items'), [['late']]);
    await assert.rejects(server.execute('late', 'DELETE FROM items'), { code: 'READ_ONLY_REPLICA' });
  }
  const status = await replica.database('late');
  assert.equal(status.replication?.followed, true);
  assert.equal(status.replicator?.upstream, `127.0.0.1:${primary.port}/late`);

  await (await primary.client()).deleteDatabase('early');
  await untilNames(replica, ['late']);
  await untilNames(leaf, ['late']);

  // The same name again is another database.
  await (await primary.client()).deleteDatabase('late');
  await create(primary, 'late');
  const { databaseId } = await primary.database('late');
  const isNew = async () => (await replica.client()).status().then(({ databases }) => databases);
  await eventually(isNew, (databases) =>
    databases.some(
      ({ database, databaseId: id, appliedTxId }) => database === 'late' && id.equals(databaseId) && appliedTxId === 1,
    ),
  );
});

test('a follower forgets nothing over its own restart, and learns what happened meanwhile', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  await create(primary, 'kept');
  await create(primary, 'doomed');
  const flags = follow(primary, eager);
  const before = await fixture.start('replica', ...flags);
  await untilNames(before, ['kept', 'doomed']);
  await untilEqual(primary, before, 'kept');
  await before.stop('SIGKILL');
  await (await primary.client()).deleteDatabase('doomed');
  await create(primary, 'fresh');
  const after = await fixture.start('replica', ...flags);
  await untilNames(after, ['fresh', 'kept']);
  await untilEqual(primary, after, 'kept');
  assert.equal((await after.database('kept')).replicator?.state, 'streaming');
});

test('an upstream that cannot be reached, or has lost its disk, deletes nothing', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  await create(primary, 'shop');
  const flags = [eager, '--replication-backoff-max=50ms', '--replication-refused-retry=50ms'];
  const replica = await fixture.start('replica', ...follow(primary, ...flags));
  await untilNames(replica, ['shop']);
  await untilEqual(primary, replica, 'shop');
  await primary.stop('SIGKILL');
  await eventually(
    () => following(replica),
    (status) => status?.state === 'unreachable',
  );
  await untilNames(replica, ['shop']);

  // Another node with the same password at the same address, and nothing in it.
  rmSync(path.join(fixture.root, 'primary'), { recursive: true });
  await fixture.start('primary', `--port=${primary.port}`);
  await untilLeftAlone(replica, /^shop: it came from node/);
  assert.deepEqual(await replica.query('shop', 'SELECT name FROM items'), [['shop']]);
});

test('what people made, promoted or turned elsewhere on a follower is left alone and named', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  await create(primary, 'promoted');
  await create(primary, 'other');
  const replica = await fixture.start('replica', ...follow(primary, eager));
  await untilNames(replica, ['promoted', 'other']);
  await untilEqual(primary, replica, 'promoted');
  await create(replica, 'mine');
  await create(primary, 'mine');
  const client = await replica.client();
  await client.updateDatabase(update('promoted', { role: 'primary' }));
  await client.updateDatabase(update('other', { primaryDatabase: 'promoted' }));
  for (const name of ['mine', 'promoted', 'other']) {
    await untilLeftAlone(replica, new RegExp(`^${name}: `));
  }
  for (const name of ['promoted', 'other', 'mine']) {
    await (await primary.client()).deleteDatabase(name);
  }
  await create(primary, 'last');
  await replica.until('defaultdb', () => true);
  await untilNames(replica, ['last', 'mine', 'other', 'promoted']);
  await (await primary.client()).deleteDatabase('last');
  await untilNames(replica, ['mine', 'other', 'promoted']);
  assert.deepEqual(await replica.query('mine', 'SELECT name FROM items'), [['mine']]);
  await replica.execute('promoted', "INSERT INTO items (name) VALUES ('here')");
  assert.match(replica.log, /"mine"/);
});

test('patterns choose the databases of a followed server, and systemdb is always among them', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  for (const name of ['shop-eu', 'shop-test', 'stock']) {
    await create(primary, name);
  }
  const patterns = ['--replication-include', 'shop*', '--replication-exclude', '*-test'];
  const replica = await fixture.start('replica', ...follow(primary, eager, ...patterns));
  await untilNames(replica, ['shop-eu']);
  await create(primary, 'shop-us');
  await untilNames(replica, ['shop-eu', 'shop-us']);
  assert.equal((await replica.database('defaultdb')).role, 'primary');
  assert.equal((await replica.database('systemdb')).role, 'replica');
});

test('a password that was changed on the primary works on its followers, whose own settings stay their own', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary', '--node-name=up');
  const replica = await fixture.start('replica', ...follow(primary, eager, '--node-name=down'));
  await untilEqual(primary, replica, 'systemdb');
  await primary.stop();
  const changed = 'another long password';
  // Stopped, it cannot receive the change by a stream that begins before the change ends its token.
  process.kill(replica.processId, 'SIGSTOP');
  const restarted = await fixture.startWith('primary', { args: [`--port=${primary.port}`], password: changed });
  process.kill(replica.processId, 'SIGCONT');
  using client = new NodeClient({ host: '127.0.0.1', port: replica.port });
  // The tokens of the old password have ended, so that a follower that logs in with it has to be told the new one.
  await replica.until('systemdb', ({ replicator }) => replicator?.state === 'refused');
  const before = await replica.client();
  await before.updateDatabase(update('systemdb', { primaryPassword: changed }));
  const status = () =>
    before.status('systemdb').then(
      () => 'ok',
      ({ code }: { code: string }) => code,
    );
  await eventually(status, (code) => code === 'UNAUTHENTICATED');
  await client.login('admin', changed);
  await assert.rejects(client.login('admin', adminPassword), { code: 'UNAUTHENTICATED' });
  const { nodeName, nodeId } = await client.status();
  assert.equal(nodeName, 'down');
  assert.notEqual(nodeId, restarted.ready.nodeId);
});

test('a server that starts without its replication flags keeps its replicas, and stops them when told to', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  await create(primary, 'shop');
  const first = await fixture.start('replica', ...follow(primary, eager));
  await untilEqual(primary, first, 'systemdb');
  await untilNames(first, ['shop']);
  await first.stop();
  const silent = await fixture.startWith('replica', { args: ['--replication-enabled=false'] });
  await silent.until('shop', ({ replicator, replication }) => replicator === undefined && !replication?.enabled);
  assert.equal(await following(silent), undefined);
  await silent.stop();
  const again = await fixture.start('replica', ...follow(primary, eager));
  await again.until('shop', ({ replicator }) => replicator?.state === 'streaming');
});

test('status of a follower names the server it follows and all of its databases', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  await create(primary, 'shop');
  const replica = await fixture.start('replica', ...follow(primary, eager));
  await untilEqual(primary, replica, 'systemdb');
  await untilNames(replica, ['shop']);
  await create(replica, 'mine');
  await create(primary, 'mine');
  await untilLeftAlone(replica, /^mine: /);
  using client = new NodeClient({ host: '127.0.0.1', port: replica.port });
  const { token } = await client.login('admin', adminPassword);
  const { stdout } = await quorate(['status', '--port', String(replica.port), '--token', token]);
  assert.match(stdout, new RegExp(`follows the whole server 127\\.0\\.0\\.1:${primary.port} \\(following\\)`));
  assert.match(stdout, /not followed: mine: /);
  assert.match(stdout, /^shop +replica/m);
  assert.match(stdout, /^systemdb +replica/m);
});
