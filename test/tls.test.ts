import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { NodeClient } from '../src/client/interface.ts';
import { exitCodeOf } from '../src/errors/interface.ts';
import { Quorate } from '../src/library/interface.ts';
import type { ConnectionSecurity } from '../src/tls/interface.ts';
import { TestAuthority } from './certificates.ts';
import { quorate } from './command-line.ts';
import { adminPassword, follow, ServerFixture, type ServerProcess, shows, streams } from './server-process.ts';

/** No machine has it (RFC 5737), and no test sends anything there. */
const elsewhere = '192.0.2.1';

async function authority(fixture: ServerFixture, name = 'authority'): Promise<TestAuthority> {
  return await TestAuthority.create(path.join(fixture.root, name));
}

/** Logs in over a new connection. */
async function logIn(server: ServerProcess, security?: ConnectionSecurity): Promise<void> {
  using client = new NodeClient({ host: '127.0.0.1', port: server.port, security });
  await client.login('admin', adminPassword);
}

/** The fingerprint of the certificate that a new connection gets. */
async function shownCertificate(port: number, ca: string): Promise<string> {
  const socket = tls.connect({ host: '127.0.0.1', port, ca: readFileSync(ca), ALPNProtocols: ['h2', 'http/1.1'] });
  try {
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    return socket.getPeerCertificate().fingerprint256;
  } finally {
    socket.destroy();
  }
}

function getHealth({ ready }: ServerProcess, options: https.RequestOptions): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = https.get({ ...ready.http, path: '/health', agent: false, ...options }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode));
    });
    request.once('error', reject);
  });
}

/** Makes a database `copy` that follows `defaultdb` of another server. */
async function followDatabase(server: ServerProcess, host: string, port: number): Promise<void> {
  const client = await server.client();
  const upstream = { primaryHost: host, primaryPort: port, primaryDatabase: 'defaultdb' };
  const credentials = { primaryUsername: 'admin', primaryPassword: adminPassword };
  await client.createDatabase({
    database: 'copy',
    role: 'replica',
    replication: { enabled: true, ...upstream, ...credentials },
    acks: undefined,
  });
}

async function untilCertificate(
  server: ServerProcess,
  condition: (certificate: { fingerprint: string; lastError?: { code: string } | undefined }) => boolean,
): Promise<void> {
  const client = await server.client();
  const isReached = async () => {
    const { certificate } = await client.status();
    return certificate !== undefined && condition(certificate);
  };
  while (!(await isReached())) {
    await sleep(20);
  }
}

test('a server that follows another over mutual TLS has its databases, from the log and from a snapshot', async (t) => {
  const fixture = new ServerFixture(t);
  const own = await authority(fixture);
  const [first, second] = [await own.issue('first'), await own.issue('second')];
  const mutual = ['--tls-client-auth', 'all'];
  const primary = await fixture.startWith('primary', {
    args: [...first.flags, ...mutual],
    security: second.security,
  });
  await primary.execute('defaultdb', 'CREATE TABLE t (v)');
  const replica = await fixture.startWith('replica', {
    args: [...second.flags, ...mutual, ...follow(primary)],
    security: first.security,
  });
  const txId = await primary.execute('defaultdb', 'INSERT INTO t VALUES (1)');
  await replica.until('defaultdb', shows(txId));
  // The list of databases and the snapshot go over connections of their own.
  await (await replica.client()).verification.rejoin('defaultdb', true);
  const later = await primary.execute('defaultdb', 'INSERT INTO t VALUES (2)');
  await replica.until('defaultdb', (status) => streams(status) && shows(later)(status));
  assert.equal(await replica.digest('defaultdb'), await primary.digest('defaultdb'));
  assert.equal((await (await replica.client()).status()).following?.state, 'following');

  const ca = readFileSync(own.caPath);
  const { cert, key } = { cert: readFileSync(second.certPath), key: readFileSync(second.keyPath) };
  assert.equal(await getHealth(primary, { ca, cert, key }), 200);
  await assert.rejects(getHealth(primary, { ca }), 'HTTP asks for a certificate, too');
  const withoutCertificate = { kind: 'tls', caPath: own.caPath } as const;
  await assert.rejects(logIn(primary, withoutCertificate), { code: 'TLS_FAILED', hint: /--tls-cert/ });
  const stranger = await (await authority(fixture, 'another')).issue('stranger');
  const foreign = { ...stranger.security, caPath: own.caPath } as ConnectionSecurity;
  await assert.rejects(logIn(primary, foreign), { code: 'UNAVAILABLE', hint: /client certificate/ });
});

test('plain text gets no answer from a server with TLS, and TLS none from one without', async (t) => {
  const fixture = new ServerFixture(t);
  const own = await authority(fixture);
  const node = await own.issue('node');
  const server = await fixture.start('server', ...node.flags);
  await logIn(server, { kind: 'tls', caPath: own.caPath });
  await assert.rejects(logIn(server), { code: 'UNAVAILABLE', hint: /--tls-ca/ });
  await assert.rejects(fetch(`http://127.0.0.1:${server.ready.http.port}/health`));
  assert.equal(await getHealth(server, { ca: readFileSync(own.caPath) }), 200);
  const plain = await fixture.start('plain');
  await assert.rejects(logIn(plain, { kind: 'tls', caPath: own.caPath }), {
    code: 'TLS_FAILED',
    hint: /not answer over TLS/,
  });
});

test('a server whose authority, name or time is wrong is refused by clients and by replicas, which say why', async (t) => {
  const fixture = new ServerFixture(t);
  const own = await authority(fixture);
  const other = await authority(fixture, 'other');
  const node = await own.issue('node');
  const server = await fixture.startWith('server', { args: node.flags, security: node.security });
  const wrong = { kind: 'tls', caPath: other.caPath } as const;
  await assert.rejects(logIn(server, wrong), { code: 'TLS_FAILED', hint: /--tls-ca/ });
  await assert.rejects(logIn(server, { kind: 'tls' }), { code: 'TLS_FAILED', hint: /--tls-ca/ });

  const replica = await fixture.start('replica', '--tls-ca', other.caPath, '--admin-password', adminPassword);
  await followDatabase(replica, '127.0.0.1', server.port);
  const refused = await replica.until('copy', ({ replicator }) => replicator?.state === 'refused');
  assert.equal(refused.replicator?.lastError?.code, 'TLS_FAILED');
  assert.match(refused.replicator?.lastError?.hint ?? '', /--tls-ca/);

  const expired = await own.issue('expired', { nowMs: Date.now() - 30 * 24 * 60 * 60 * 1000 });
  const late = await fixture.start('late', ...expired.flags);
  await assert.rejects(logIn(late, node.security), { code: 'TLS_FAILED', message: /has expired/, hint: /Renew/ });
  assert.match(late.log, /has expired/);
  const misnamed = await own.issue('misnamed', { host: 'first.example' });
  const named = await fixture.start('named', ...misnamed.flags);
  await assert.rejects(logIn(named, node.security), { code: 'TLS_FAILED', hint: /--names/ });
});

test('a replaced certificate holds for new connections while streams go on, and a broken file changes nothing', async (t) => {
  const fixture = new ServerFixture(t);
  const own = await authority(fixture);
  const [node, second] = [await own.issue('node'), await own.issue('second')];
  const primary = await fixture.startWith('primary', {
    args: [...node.flags, '--tls-reload-interval', '100ms'],
    security: node.security,
  });
  const replica = await fixture.startWith('replica', {
    args: [...second.flags, ...follow(primary)],
    security: node.security,
  });
  await replica.until('defaultdb', streams);
  const before = await shownCertificate(primary.port, own.caPath);
  await own.issue('node');
  await untilCertificate(primary, ({ fingerprint }) => fingerprint !== before);
  const after = await shownCertificate(primary.port, own.caPath);
  assert.notEqual(after, before);
  assert.equal(await shownCertificate(primary.ready.http.port, own.caPath), after);
  const txId = await primary.execute('defaultdb', 'CREATE TABLE t (v)');
  const { replicator } = await replica.until('defaultdb', shows(txId));
  assert.deepEqual([replicator?.state, replicator?.retries], ['streaming', 0]);

  writeFileSync(node.certPath, 'no certificate');
  await untilCertificate(primary, ({ lastError }) => lastError?.code === 'TLS_FAILED');
  assert.equal(await shownCertificate(primary.port, own.caPath), after);
  assert.match(primary.log, /the certificate from before stays in use/);
  await own.issue('node');
  await untilCertificate(primary, ({ fingerprint, lastError }) => lastError === undefined && fingerprint !== after);
});

test('SIGHUP makes a server look at its certificate now, and one without a certificate stops', async (t) => {
  const fixture = new ServerFixture(t);
  const own = await authority(fixture);
  const node = await own.issue('node');
  const server = await fixture.startWith('server', {
    args: [...node.flags, '--tls-reload-interval=1d'],
    security: node.security,
  });
  const { certificate: before } = await (await server.client()).status();
  await own.issue('node');
  process.kill(server.processId, 'SIGHUP');
  await untilCertificate(server, ({ fingerprint }) => fingerprint !== before?.fingerprint);
  assert.equal(
    await shownCertificate(server.port, own.caPath),
    (await (await server.client()).status()).certificate?.fingerprint,
  );
  const plain = await fixture.start('plain');
  assert.equal(await plain.stop('SIGHUP'), 0);
});

test('plain text stays on this machine unless an option allows more', async (t) => {
  const fixture = new ServerFixture(t);
  const everywhere = ['--address', '0.0.0.0'];
  await assert.rejects(fixture.start('refused', ...everywhere), /INVALID_ARGUMENT.*--allow-plain-text/s);
  const server = await fixture.start('allowed', ...everywhere, '--allow-plain-text');
  await logIn(server);
  const node = await (await authority(fixture)).issue('node');
  const secure = await fixture.start('secure', ...everywhere, ...node.flags);
  await logIn(secure, node.security);

  const local = await fixture.start('local');
  await followDatabase(local, elsewhere, 3322);
  const refused = await local.until('copy', ({ replicator }) => replicator?.lastError !== undefined);
  assert.equal(refused.replicator?.lastError?.code, 'INVALID_ARGUMENT');
  const command = await quorate(['status', '--host', elsewhere, '--json']);
  const { error } = JSON.parse(command.stderr);
  assert.equal(error.code, 'INVALID_ARGUMENT');
  assert.match(error.hint, /--tls-ca.*--allow-plain-text/);
});

test('an application follows a server over TLS, and answers over it', async (t) => {
  const fixture = new ServerFixture(t);
  const own = await authority(fixture);
  const [first, second] = [await own.issue('first'), await own.issue('second')];
  const server = await fixture.startWith('server', {
    args: [...first.flags, '--tls-client-auth', 'grpc'],
    security: second.security,
  });
  await server.execute('defaultdb', 'CREATE TABLE t (v)', 'INSERT INTO t VALUES (1)');
  const files = { cert: second.certPath, key: second.keyPath, ca: own.caPath };
  await using quorate = await Quorate.open({
    directory: path.join(fixture.root, 'application'),
    adminPassword,
    listen: { port: 0 },
    tls: files,
  });
  const address = { host: '127.0.0.1', port: server.port, database: 'defaultdb' };
  const replica = await quorate.replica('copy', { ...address, username: 'admin', password: adminPassword });
  await server.until('defaultdb', ({ replicas }) => replicas.some(({ appliedTxId }) => appliedTxId > 0));
  assert.equal(replica.queryOne('SELECT v FROM t')?.['v'], 1);
  const shown = new X509Certificate(readFileSync(second.certPath)).fingerprint256;
  assert.equal(await shownCertificate(quorate.address?.port ?? 0, own.caPath), shown);
  const open = { directory: path.join(fixture.root, 'exposed'), listen: { host: '0.0.0.0', port: 0 } };
  await assert.rejects(Quorate.open(open), { code: 'INVALID_ARGUMENT', hint: /allow-plain-text/ });
});

test('options of TLS that make no sense together are refused at the start', async (t) => {
  const fixture = new ServerFixture(t);
  const own = await authority(fixture);
  const node = await own.issue('node');
  const keyless = ['--tls-cert', node.certPath];
  await assert.rejects(fixture.start('keyless', ...keyless), /given together/);
  const trustless = [...keyless, '--tls-key', node.keyPath, '--tls-client-auth', 'grpc'];
  await assert.rejects(fixture.start('trustless', ...trustless), /whom to trust/);
  const other = await own.issue('other');
  await assert.rejects(fixture.start('mixed', ...keyless, '--tls-key', other.keyPath), /TLS_FAILED/);
});

test('the commands make certificates whose keys only the owner reads, and a login is secured like the commands after it', async (t) => {
  const fixture = new ServerFixture(t);
  const cwd = fixture.root;
  const env = { XDG_CONFIG_HOME: path.join(cwd, 'config') };
  const run = (...args: string[]) => quorate([...args, '--json'], { cwd, env, input: `${adminPassword}\n` });
  assert.equal((await run('tls', 'init', '--names', '10.0.0.5,first.example')).exitCode, 0);
  assert.equal((await run('tls', 'join', '--out', 'second', '--names', '10.0.0.6')).exitCode, 0);
  for (const key of ['tls/ca.key', 'tls/node.key', 'second/node.key']) {
    assert.equal(statSync(path.join(cwd, key)).mode & 0o777, 0o600, key);
  }
  assert.deepEqual(readdirSync(path.join(cwd, 'second')), ['ca.crt', 'node.crt', 'node.key']);
  const before = readFileSync(path.join(cwd, 'second/node.crt'), 'utf8');
  assert.match(new X509Certificate(before).subjectAltName ?? '', /IP Address:10\.0\.0\.6, DNS:localhost/);
  assert.equal((await run('tls', 'init')).exitCode, exitCodeOf('INVALID_ARGUMENT'), 'an authority is not replaced');
  assert.equal((await run('tls', 'join', '--out', 'second')).exitCode, exitCodeOf('INVALID_ARGUMENT'));
  assert.equal((await run('tls', 'join', '--out', 'second', '--renew')).exitCode, 0);
  assert.notEqual(readFileSync(path.join(cwd, 'second/node.crt'), 'utf8'), before);

  const file = (name: string) => path.join(cwd, 'second', name);
  const files = ['--tls-cert', file('node.crt'), '--tls-key', file('node.key'), '--tls-ca', file('ca.crt')];
  const server = await fixture.start('server', ...files, '--tls-client-auth', 'grpc');
  const port = ['--port', String(server.port)];
  const login = await run('login', 'admin', ...port, '--tls-ca', 'second/ca.crt', ...files.slice(0, 4));
  assert.equal(login.exitCode, 0, login.stderr);
  const { stdout, stderr } = await run('status', ...port);
  assert.equal(stderr, '');
  assert.match(JSON.parse(stdout).certificate.fingerprint, /^([0-9A-F]{2}:){31}/);
  assert.equal((await run('status', ...port, '--tls=false')).exitCode, exitCodeOf('UNAVAILABLE'));
});
