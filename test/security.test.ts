/** Users, permissions, tokens and the audit log, with real servers. */
import assert from 'node:assert/strict';
import { globSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { NodeClient } from '../src/client/interface.ts';
import type { StatusResponse } from '../src/proto/interface.ts';
import { quorate } from './command-line.ts';
import { loginToken } from './hrana-server.ts';
import { adminPassword, follow, ServerFixture, type ServerProcess } from './server-process.ts';
import { until } from './until.ts';

const password = 'a password of this test';

async function makeUser(server: ServerProcess, user: string, ...grants: string[]): Promise<void> {
  const permissions = grants.map((grant) => {
    const [permission = '', database = ''] = grant.split(':');
    return { permission, database };
  });
  await (await server.client()).users.create({ user, password, sysadmin: false, permissions });
}

/** A client of a user, which ends with the test. */
async function loggedIn(t: TestContext, server: ServerProcess, user: string, secret = password): Promise<NodeClient> {
  const client = new NodeClient({ host: '127.0.0.1', port: server.port });
  t.after(() => client[Symbol.dispose]());
  await client.login(user, secret);
  return client;
}

function withToken(t: TestContext, server: ServerProcess, token: string): NodeClient {
  const client = new NodeClient({ host: '127.0.0.1', port: server.port, token });
  t.after(() => client[Symbol.dispose]());
  return client;
}

async function makeDatabase(server: ServerProcess, database: string): Promise<void> {
  await (await server.client()).createDatabase({ database, role: '', replication: undefined });
  await server.execute(database, 'CREATE TABLE t (a)', 'INSERT INTO t VALUES (1)');
}

const names = ({ databases }: StatusResponse) => databases.map(({ database }) => database);
const run = (client: NodeClient, database: string, sql: string) => client.execute(database, [{ sql }]);

interface AuditEntry {
  readonly time: string;
  readonly node: string;
  readonly user: string;
  readonly tokenId?: string;
  readonly address: string;
  readonly action: string;
  readonly request: Record<string, unknown>;
  readonly outcome: string;
}

function auditOf(server: ServerProcess): AuditEntry[] {
  return globSync(path.join(server.directory, 'audit', '*.jsonl'))
    .sort()
    .flatMap((file) => readFileSync(file, 'utf8').trimEnd().split('\n'))
    .map((line) => JSON.parse(line) as AuditEntry);
}

test('who may only read is refused every write, and sees no other database', async (t) => {
  const server = await new ServerFixture(t).start('server');
  await makeDatabase(server, 'shop');
  await makeDatabase(server, 'stock');
  await makeUser(server, 'reader', 'read:shop');
  await makeUser(server, 'writer', 'write:shop');
  const [reader, writer] = [await loggedIn(t, server, 'reader'), await loggedIn(t, server, 'writer')];
  const { results } = await run(reader, 'shop', 'SELECT a FROM t');
  assert.deepEqual(results[0]?.rows, [[1n]]);
  const writes = [
    'INSERT INTO t VALUES (2)',
    'WITH x AS (SELECT 2) INSERT INTO t SELECT * FROM x',
    'CREATE TABLE u (a)',
    'DROP TABLE t',
    'PRAGMA user_version = 2',
    'SELECT 1; DELETE FROM t',
    'BEGIN; DELETE FROM t; COMMIT',
  ];
  for (const sql of writes) {
    await assert.rejects(run(reader, 'shop', sql), { code: 'PERMISSION_DENIED' }, sql);
  }
  await run(writer, 'shop', 'INSERT INTO t VALUES (2)');
  for (const client of [reader, writer]) {
    await assert.rejects(run(client, 'stock', 'SELECT * FROM t'), { code: 'PERMISSION_DENIED' });
    await assert.rejects(client.status('stock'), { code: 'PERMISSION_DENIED' });
    assert.deepEqual(names(await client.status()), ['shop']);
    assert.equal((await client.status()).following, undefined);
  }
  assert.deepEqual(await server.query('shop', 'SELECT a FROM t'), [[1n], [2n]]);
});

/** What would get out of the database, or weaken it. */
const escapes = [
  "ATTACH '/etc/passwd' AS other",
  'DETACH main',
  "SELECT load_extension('/tmp/x')",
  'PRAGMA writable_schema = ON',
  "UPDATE sqlite_schema SET sql = 'x'",
  'SELECT * FROM _quorate_state',
  'SELECT count(*) FROM _quorate_key',
  'DELETE FROM _quorate_state',
  'CREATE TRIGGER g AFTER INSERT ON _quorate_state BEGIN SELECT 1; END',
  'PRAGMA synchronous = OFF',
  'PRAGMA journal_mode = DELETE',
  'PRAGMA wal_checkpoint(TRUNCATE)',
  'PRAGMA locking_mode = EXCLUSIVE',
  'PRAGMA temp_store_directory = "/tmp"',
  'PRAGMA trusted_schema = ON',
  'VACUUM',
  "VACUUM INTO '/tmp/quorate-escape'",
];

test('SQL that would escape is refused for every user, on a primary and on a replica', async (t) => {
  const fixture = new ServerFixture(t);
  const server = await fixture.start('server');
  await makeDatabase(server, 'shop');
  for (const permission of ['read', 'write', 'admin']) {
    await makeUser(server, `may-${permission}`, `${permission}:shop`);
  }
  const replica = await fixture.start('replica', ...follow(server, '--replication-discovery-interval=50ms'));
  await until('the replica has the database', async () =>
    names(await (await replica.client()).status()).includes('shop'),
  );
  const { appliedTxId } = await server.database('shop');
  await replica.until('shop', (status) => status.appliedTxId >= appliedTxId);
  const refusals = ['UNSUPPORTED_STATEMENT', 'PERMISSION_DENIED', 'READ_ONLY_REPLICA', 'SQL_ERROR'];
  for (const node of [server, replica]) {
    for (const user of ['may-read', 'may-write', 'may-admin', 'admin']) {
      const client = await loggedIn(t, node, user, user === 'admin' ? adminPassword : password);
      for (const sql of escapes) {
        const error = await run(client, 'shop', sql).then(
          () => ({ code: 'done' }),
          (failure: { code: string }) => failure,
        );
        assert.ok(refusals.includes(error.code), `${user}: ${sql}: ${error.code}`);
        if (node === server && user === 'admin' && !sql.startsWith('UPDATE sqlite_schema')) {
          assert.equal(error.code, 'UNSUPPORTED_STATEMENT', sql);
        }
      }
      assert.deepEqual((await run(client, 'shop', 'PRAGMA synchronous')).results[0]?.rows.length, 1);
    }
  }
  await assert.rejects(run(await server.client(), 'systemdb', 'SELECT * FROM users'), { code: 'PERMISSION_DENIED' });
});

test('a change of a user holds for the next request, and open streams end', async (t) => {
  const fixture = new ServerFixture(t);
  const server = await fixture.start('server');
  await makeDatabase(server, 'shop');
  await makeUser(server, 'follower', 'replication:shop', 'read:shop');
  const { users } = await server.client();
  const client = await loggedIn(t, server, 'follower');
  const replica = await fixture.start('replica');
  const follows = [
    '--replication-enabled',
    `--replication-primary-port=${server.port}`,
    '--replication-primary-username=follower',
  ];
  const env = { QUORATE_REPLICATION_PRIMARY_PASSWORD: password, QUORATE_TOKEN: await loginToken(replica) };
  const args = ['database', 'create', 'shop', ...follows, '--port', String(replica.port), '--replication-primary-host'];
  const { exitCode, stderr } = await quorate([...args, '127.0.0.1'], { env });
  assert.equal(exitCode, 0, stderr);
  const streaming = () => replica.until('shop', ({ replicator }) => replicator?.state === 'streaming');
  const refused = (code: string) =>
    replica.until(
      'shop',
      ({ replicator }) => replicator?.state !== 'streaming' && replicator?.lastError?.code === code,
    );
  await streaming();

  await users.revoke({ user: 'follower', permission: 'read', database: 'shop' });
  await assert.rejects(run(client, 'shop', 'SELECT 1'), { code: 'PERMISSION_DENIED' });
  await streaming();
  await users.revoke({ user: 'follower', permission: 'replication', database: 'shop' });
  await refused('PERMISSION_DENIED');
  await users.grant({ user: 'follower', permission: 'replication', database: 'shop' });
  await users.grant({ user: 'follower', permission: 'read', database: 'shop' });
  assert.equal((await run(client, 'shop', 'SELECT 1')).results.length, 1);
  await users.setActive('follower', false);
  await assert.rejects(run(client, 'shop', 'SELECT 1'), { code: 'UNAUTHENTICATED' });
  await assert.rejects(client.login('follower', password), { code: 'UNAUTHENTICATED' });
});

test('a replica whose token was revoked logs in again at once, as long as its password is good', async (t) => {
  const fixture = new ServerFixture(t);
  const server = await fixture.start('server');
  const replica = await fixture.start('replica', ...follow(server));
  const streaming = () => replica.until('defaultdb', ({ replicator }) => replicator?.state === 'streaming');
  await streaming();
  const { replicator } = await replica.database('defaultdb');
  await (await server.client()).users.revokeTokens('admin');
  using client = new NodeClient({ host: '127.0.0.1', port: replica.port });
  await until('the replica has connected again', async () => {
    // A token that the replica gave before it heard of the revocation has ended with the others.
    await client.login('admin', adminPassword);
    const [status] = (await client.status('defaultdb').catch(() => ({ databases: [] }))).databases;
    return (status?.replicator?.retries ?? 0) > (replicator?.retries ?? 0) && status?.replicator?.state === 'streaming';
  });
});

test('a token of the primary is good on its whole-server replica, and its end comes there too', async (t) => {
  const fixture = new ServerFixture(t);
  const server = await fixture.start('server');
  await makeDatabase(server, 'shop');
  await makeUser(server, 'ada', 'write:shop');
  const replica = await fixture.start('replica', ...follow(server, '--replication-discovery-interval=50ms'));
  const admin = await server.client();
  const made = await admin.users.createToken({
    user: 'ada',
    scope: [{ permission: 'read', database: 'shop' }],
    ttlMs: 3_600_000,
  });
  const [here, there] = [withToken(t, server, made.token), withToken(t, replica, made.token)];
  const answers = async (client: NodeClient) =>
    await run(client, 'shop', 'SELECT a FROM t').then(
      () => 'ok',
      ({ code }: { code: string }) => code,
    );
  await until('the replica shows the database', async () => (await answers(there)) === 'ok');
  await assert.rejects(run(here, 'shop', 'DELETE FROM t'), { code: 'PERMISSION_DENIED' });
  await assert.rejects(run(there, 'shop', 'DELETE FROM t'), { code: 'PERMISSION_DENIED' });
  await assert.rejects(here.users.createToken({ user: '', scope: [], ttlMs: 0 }), { code: 'PERMISSION_DENIED' });

  await admin.users.rotateKeys(false);
  assert.equal(await answers(here), 'ok');
  assert.equal(await answers(there), 'ok');

  const own = await loggedIn(t, replica, 'ada');
  assert.equal(await answers(own), 'ok');
  await assert.rejects(own.users.revokeTokens(''), { code: 'READ_ONLY_REPLICA' });

  await admin.users.revokeToken(made.id);
  assert.equal(await answers(here), 'UNAUTHENTICATED');
  await until('the token has ended on the replica', async () => (await answers(there)) === 'UNAUTHENTICATED');
  assert.equal(await answers(own), 'ok');
  await admin.users.setPassword({ user: 'ada', password: 'another password', currentPassword: '' });
  await until('the login has ended on the replica', async () => (await answers(own)) === 'UNAUTHENTICATED');
  await (await replica.client()).login('admin', adminPassword);

  const later = await admin.users.createToken({ user: 'ada', scope: [], ttlMs: 0 });
  const onReplica = withToken(t, replica, later.token);
  await until('the new key has come to the replica', async () => (await answers(onReplica)) === 'ok');
  await admin.users.rotateKeys(true);
  await until('the old key has ended there', async () => (await answers(onReplica)) === 'UNAUTHENTICATED');
  await assert.rejects(admin.status(), { code: 'UNAUTHENTICATED' });
});

test('a server is followed as a whole by a user who may only follow; once promoted, its tokens are good where it is followed', async (t) => {
  const fixture = new ServerFixture(t);
  const server = await fixture.start('server');
  await makeDatabase(server, 'shop');
  await makeUser(server, 'follower', 'replication:*', 'replication:systemdb', 'read:*');
  const chained = (upstream: ServerProcess, ...more: string[]) => [
    '--replication-enabled',
    '--replication-primary-host=127.0.0.1',
    `--replication-primary-port=${upstream.port}`,
    '--replication-primary-username=follower',
    `--replication-primary-password=${password}`,
    '--replication-discovery-interval=50ms',
    ...more,
  ];
  const replica = await fixture.start('replica', ...chained(server, '--scrub-interval=100ms'));
  await replica.client();
  const leaf = await fixture.start('leaf', ...chained(replica));
  for (const node of [replica, leaf]) {
    const client = await node.client();
    await until('the database is followed', async () => names(await client.status()).includes('shop'));
    await node.until('shop', ({ appliedTxId }) => appliedTxId >= 1);
  }
  await until('the comparison was refused, which is told once', async () => /could not scrub/.test(replica.log));
  assert.equal((await replica.database('shop')).lastError, undefined);

  const made = await loggedIn(t, replica, 'follower');
  const { token } = await made.users.createToken({ user: '', scope: [], ttlMs: 0 });
  const onLeaf = withToken(t, leaf, token);
  await assert.rejects(run(onLeaf, 'shop', 'SELECT 1'), { code: 'UNAUTHENTICATED' });
  await (await replica.client()).updateDatabase({
    ...{ database: 'systemdb', role: 'primary', replicationEnabled: undefined, primaryHost: undefined },
    ...{ primaryPort: undefined, primaryDatabase: undefined, primaryUsername: undefined, primaryPassword: undefined },
  });
  const isGood = () =>
    run(onLeaf, 'shop', 'SELECT 1').then(
      () => true,
      () => false,
    );
  await until('the key of the promoted server has come', isGood);
});

test('users change their own password who know it, and the last super-admin stays', async (t) => {
  const server = await new ServerFixture(t).start('server');
  await makeDatabase(server, 'shop');
  await makeUser(server, 'ada', 'read:shop');
  const admin = await server.client();
  const ada = await loggedIn(t, server, 'ada');
  const change = (user: string, currentPassword: string, next = 'another password') =>
    ada.users.setPassword({ user, password: next, currentPassword });
  await assert.rejects(change('ada', 'a guess'), { code: 'UNAUTHENTICATED' });
  await assert.rejects(change('admin', password), { code: 'PERMISSION_DENIED' });
  await assert.rejects(change('ada', password, 'short'), { code: 'INVALID_ARGUMENT' });
  await change('ada', password);
  await assert.rejects(run(ada, 'shop', 'SELECT 1'), { code: 'UNAUTHENTICATED' });
  await ada.login('ada', 'another password');

  const last = { code: 'INVALID_ARGUMENT', message: /last active super-admin/ };
  const sysadmin = { user: 'admin', permission: 'sysadmin', database: '' };
  await assert.rejects(admin.users.delete('admin'), last);
  await assert.rejects(admin.users.setActive('admin', false), last);
  await assert.rejects(admin.users.revoke(sysadmin), last);
  await admin.users.grant({ ...sysadmin, user: 'ada' });
  await admin.users.revoke(sysadmin);
  await assert.rejects(admin.users.list(), { code: 'PERMISSION_DENIED' });
  assert.deepEqual(
    (await ada.users.list()).map((user) => [user.user, user.sysadmin]),
    [
      ['ada', true],
      ['admin', false],
    ],
  );
  await assert.rejects(ada.users.create({ user: 'ada', password, sysadmin: false, permissions: [] }), {
    code: 'USER_EXISTS',
  });
  for (const grant of [
    { permission: 'read', database: 'systemdb' },
    { permission: 'own', database: 'shop' },
    { permission: 'read', database: '../shop' },
    { permission: 'sysadmin', database: 'shop' },
  ]) {
    await assert.rejects(ada.users.grant({ user: 'admin', ...grant }), { code: 'INVALID_ARGUMENT' });
  }
});

test('what was granted on a database that was deleted does not hold for another one of its name', async (t) => {
  const server = await new ServerFixture(t).start('server');
  await makeDatabase(server, 'shop');
  await makeUser(server, 'ada', 'read:shop');
  const ada = await loggedIn(t, server, 'ada');
  await (await server.client()).deleteDatabase('shop');
  await makeDatabase(server, 'shop');
  await assert.rejects(run(ada, 'shop', 'SELECT * FROM t'), { code: 'PERMISSION_DENIED' });
});

test('the stored password of an upstream is not sent to another one by somebody who does not know it', async (t) => {
  const server = await new ServerFixture(t).start('server');
  await makeUser(server, 'owner', 'admin:copy');
  const owner = await loggedIn(t, server, 'owner');
  const upstream = { primaryHost: '127.0.0.1', primaryPort: 1, primaryDatabase: 'shop' };
  const replication = { ...upstream, enabled: true, primaryUsername: 'someone', primaryPassword: 'of the upstream' };
  await owner.createDatabase({ database: 'copy', role: '', replication });
  const unchanged = {
    ...{ database: 'copy', role: undefined, replicationEnabled: undefined, primaryHost: undefined },
    ...{ primaryPort: undefined, primaryDatabase: undefined, primaryUsername: undefined, primaryPassword: undefined },
  };
  for (const change of [{ primaryHost: '127.0.0.2' }, { primaryPort: 2 }, { primaryUsername: 'other' }]) {
    await assert.rejects(owner.updateDatabase({ ...unchanged, ...change }), { code: 'INVALID_ARGUMENT' });
  }
  await owner.updateDatabase({ ...unchanged, primaryHost: '127.0.0.2', primaryPassword: 'another one' });
  await (await server.client()).updateDatabase({ ...unchanged, primaryHost: '127.0.0.3' });
});

test('the first start makes a password and shows it once; it is nowhere in the folder of the server', async (t) => {
  const fixture = new ServerFixture(t);
  const server = await fixture.startWith('server', { password: null });
  const generated = server.ready.adminPassword ?? '';
  assert.match(generated, /^[\w-]{24}$/);
  const client = await server.client(generated);
  await assert.rejects(client.login('admin', 'admin'), { code: 'UNAUTHENTICATED' });
  await assert.rejects(client.login('admin', ''), { code: 'UNAUTHENTICATED' });
  await server.stop();
  for (const entry of readdirSync(server.directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) {
      const file = path.join(entry.parentPath, entry.name);
      assert.equal(readFileSync(file).includes(generated), false, file);
    }
    assert.equal(statSync(entry.parentPath).mode & 0o077, 0, `${entry.parentPath} can be read by others`);
  }
  const again = await fixture.startWith('server', { password: null });
  assert.equal(again.ready.adminPassword, undefined);
  await again.client(generated);
});

test('a password that is too short is not taken for the administrator', async (t) => {
  const fixture = new ServerFixture(t);
  await assert.rejects(fixture.startWith('server', { password: 'short' }), /a password has from 8 to/);
  await assert.rejects(fixture.startWith('other', { password: '' }), /admin-password|a password has from 8 to/);
});

test('secrets are in no log, status, process title or answer, and in no file but settings.json', async (t) => {
  const fixture = new ServerFixture(t);
  const server = await fixture.start('server', '--log-level=debug');
  const replica = await fixture.start('replica', ...follow(server, '--log-level=debug'));
  await replica.until('defaultdb', ({ replicator }) => replicator?.state === 'streaming');
  await makeUser(server, 'ada', 'read:defaultdb');
  const client = await server.client();
  const { token } = await client.login('admin', adminPassword);
  const headers = { authorization: `Bearer ${token}` };
  const shown: string[] = [];
  for (const node of [server, replica]) {
    shown.push(node.log, JSON.stringify(await (await node.client()).status()));
    shown.push(await (await fetch(`${node.httpUrl}/metrics`)).text());
    shown.push(await (await fetch(`${node.httpUrl}/status`, { headers })).text());
    shown.push(readFileSync(`/proc/${node.processId}/cmdline`, 'utf8'));
    shown.push(JSON.stringify(auditOf(node)));
  }
  shown.push((await quorate(['user', 'list', '--json', '--port', String(server.port), '--token', token])).stdout);
  for (const secret of [adminPassword, password, token, 'scrypt$']) {
    assert.equal(shown.join('\n').includes(secret), false, secret);
  }
  const settings = path.join(replica.directory, 'databases', 'defaultdb', 'settings.json');
  assert.equal(readFileSync(settings, 'utf8').includes(adminPassword), true);
  assert.equal(statSync(settings).mode & 0o777, 0o600);
});

test('the audit log of each node tells who did what, from where and with which outcome', async (t) => {
  const fixture = new ServerFixture(t);
  const server = await fixture.start('server', '--node-name=first');
  const admin = await server.client();
  await makeDatabase(server, 'shop');
  await makeUser(server, 'ada', 'read:shop');
  const ada = await loggedIn(t, server, 'ada');
  await assert.rejects(ada.deleteDatabase('shop'), { code: 'PERMISSION_DENIED' });
  await assert.rejects(ada.login('ada', 'a guess'), { code: 'UNAUTHENTICATED' });
  await run(ada, 'shop', 'SELECT 1');
  const made = await admin.users.createToken({ user: 'ada', scope: [], ttlMs: 0 });
  await admin.users.revokeToken(made.id);
  const entries = auditOf(server);
  const told = entries.map(({ user, action, outcome }) => `${user} ${action} ${outcome}`);
  assert.deepEqual(told, [
    ' server.start ok',
    'admin login ok',
    'admin database.create ok',
    'admin user.create ok',
    'ada login ok',
    'ada database.delete PERMISSION_DENIED',
    'ada login UNAUTHENTICATED',
    'admin token.create ok',
    'admin token.revoke ok',
  ]);
  const created = entries[3] as AuditEntry;
  assert.deepEqual(created.request, {
    user: 'ada',
    password: '[secret]',
    sysadmin: false,
    permissions: [{ permission: 'read', database: 'shop' }],
  });
  assert.equal(created.address, '127.0.0.1');
  assert.equal(created.node, 'first');
  assert.match(created.tokenId ?? '', /^[0-9a-f-]{36}$/);
  assert.ok(Math.abs(Date.parse(created.time) - Date.now()) < 60_000);
  assert.deepEqual(entries.at(-1)?.request, { id: made.id });

  const replica = await fixture.start('replica', ...follow(server, '--node-name=second'));
  await replica.client();
  assert.deepEqual(
    auditOf(replica)
      .map(({ node, action, outcome }) => `${node} ${action} ${outcome}`)
      .at(-1),
    'second login ok',
  );
});
