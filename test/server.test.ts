import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { credentials, status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import { NodeClient } from '../src/client/interface.ts';
import { AdminClient, ExportStart, QueryClient, ReplicationClient } from '../src/proto/interface.ts';
import { adminPassword, ServerFixture, type ServerProcess } from './server-process.ts';

describe('endpoints of a server', () => {
  const fixture = new ServerFixture({ after });
  let server: ServerProcess;

  before(async () => {
    server = await fixture.start('server', '--max-result-bytes=1MiB', '--max-message-bytes=1MiB');
    await server.execute('defaultdb', 'CREATE TABLE t (a)', 'INSERT INTO t VALUES (1)');
  });

  async function token(): Promise<string> {
    using client = new NodeClient({ host: '127.0.0.1', port: server.port });
    return (await client.login('admin', adminPassword)).token;
  }

  test('health and readiness need no token, status does, and nothing else is there', async () => {
    const get = async (where: string, init?: RequestInit) => (await fetch(server.httpUrl + where, init)).status;
    assert.equal(await get('/health'), 200);
    assert.equal(await get('/ready'), 200);
    assert.equal(await get('/status'), 401);
    assert.equal(await get('/status', { headers: { authorization: 'Bearer x.y' } }), 401);
    assert.equal(await get('/status', { headers: { authorization: `Bearer ${await token()}` } }), 200);
    assert.equal(await get('/health', { method: 'POST' }), 405);
    assert.equal(await get('/../../etc/passwd'), 404);
  });

  test('status over HTTP is what the command line prints, without secrets', async () => {
    const headers = { authorization: `Bearer ${await token()}` };
    const text = await (await fetch(`${server.httpUrl}/status`, { headers })).text();
    const { nodeId, databases } = JSON.parse(text);
    assert.equal(nodeId, server.ready.nodeId);
    assert.deepEqual(
      databases.map(({ database }: { database: string }) => database),
      ['defaultdb', 'systemdb'],
    );
    assert.doesNotMatch(text, new RegExp(adminPassword));
  });

  test('metrics are in the format of Prometheus, with positions, limits and errors by code', async () => {
    await assert.rejects(server.query('defaultdb', 'SELEC'));
    const text = await (await fetch(`${server.httpUrl}/metrics`)).text();
    for (const line of text.trimEnd().split('\n')) {
      assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z_]+="[^"]*",?)*\})? -?[0-9.e+-]+)$/);
    }
    assert.match(text, /^quorate_applied_tx_id\{database="defaultdb"\} 1$/m);
    assert.match(text, /^quorate_group_transactions_count\{database="defaultdb"\} 1$/m);
    assert.match(text, /^quorate_users 1$/m);
    assert.match(text, /^quorate_errors_total\{code="SQL_ERROR"\} 1$/m);
    for (const limit of [
      'reader_queue',
      'reader_processes',
      'writer_queue',
      'databases',
      'attached_replicas',
      'users',
    ]) {
      assert.match(text, new RegExp(`^quorate_${limit}_limit(\\{|) ?[^ ]* ?\\d+$`, 'm'), limit);
    }
  });

  test('no service answers without a token, except for the login', async () => {
    const address = `127.0.0.1:${server.port}`;
    const admin = new AdminClient(address, credentials.createInsecure());
    const query = new QueryClient(address, credentials.createInsecure());
    const replication = new ReplicationClient(address, credentials.createInsecure());
    const request = { database: 'defaultdb' };
    const execute = { ...request, statements: [], waitForTxId: 0n, timeoutMs: 0, idempotencyKey: '' };
    const unary = (start: (done: (error: ServiceError | null) => void) => unknown) =>
      new Promise<number | undefined>((resolve) => start((error) => resolve(error?.code)));
    const stream = (call: {
      on(event: 'error', listener: (error: ServiceError) => void): unknown;
      resume(): unknown;
    }) =>
      new Promise<number>((resolve) => {
        call.on('error', ({ code }) => resolve(code));
        call.resume();
      });
    const exportTx = replication.exportTx();
    exportTx.write({ message: { $case: 'start', value: emptyStart } });
    const replicateTx = replication.replicateTx();
    replicateTx.write({ message: { $case: 'start', value: request } });
    const replicateSnapshot = replication.replicateSnapshot();
    replicateSnapshot.write({ message: { $case: 'start', value: request } });
    const codes = await Promise.all([
      unary((done) => admin.status(request, done)),
      unary((done) => admin.createDatabase({ ...request, role: '', replication: undefined }, done)),
      unary((done) => admin.deleteDatabase(request, done)),
      unary((done) => admin.unloadDatabase(request, done)),
      unary((done) => admin.loadDatabase(request, done)),
      unary((done) => admin.digest(request, done)),
      unary((done) => admin.importDatabase(done).end()),
      unary((done) => query.execute(execute, done)),
      stream(admin.exportDatabase(request)),
      stream(exportTx),
      stream(replicateTx),
      stream(replicateSnapshot),
    ]);
    assert.deepEqual(new Set(codes), new Set([grpcStatus.UNAUTHENTICATED]));
    for (const client of [admin, query, replication]) {
      client.close();
    }
  });

  test('a message and a result over their limits are refused with a code, and the server goes on', async () => {
    const client = await server.client();
    const large = [{ sql: 'INSERT INTO t VALUES (?)', parameters: ['x'.repeat(2_000_000)] }];
    await assert.rejects(client.execute('defaultdb', large), { code: 'MESSAGE_TOO_LARGE' });
    await assert.rejects(server.query('defaultdb', 'SELECT randomblob(2000000)'), { code: 'RESULT_TOO_LARGE' });
    assert.deepEqual(await server.query('defaultdb', 'SELECT count(*) FROM t'), [[1n]]);
  });

  test('SQLite refuses values over the limit before it takes the memory for them', async () => {
    const huge = [
      'INSERT INTO t VALUES (zeroblob(1000000000))',
      "INSERT INTO t VALUES (printf('%.*c', 900000000, 'x'))",
      'SELECT zeroblob(1000000000)',
      "SELECT length(replace(hex(zeroblob(100000000)), '0', 'abc'))",
    ];
    for (const sql of huge) {
      await assert.rejects(server.query('defaultdb', sql), { code: 'MESSAGE_TOO_LARGE' }, sql);
    }
    const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${server.processId}/status`, 'utf8'))?.[1];
    assert.ok(Number(peak) < 700_000, `the server took ${peak} kB`);
    assert.deepEqual(await server.query('defaultdb', 'SELECT count(*) FROM t'), [[1n]]);
  });

  test('a read after a write sees it, also when it asks for the position, and a position too far fails in time', async () => {
    const txId = await server.execute('defaultdb', 'INSERT INTO t VALUES (2)');
    assert.deepEqual(await server.query('defaultdb', 'SELECT max(a) FROM t', txId), [[2n]]);
    const client = await server.client();
    const tooFar = client.execute('defaultdb', [{ sql: 'SELECT 1' }], { waitForTxId: txId + 100, timeoutMs: 50 });
    await assert.rejects(tooFar, { code: 'WAIT_TIMEOUT' });
    const { txId: readTxId } = await client.execute('defaultdb', [{ sql: 'SELECT 1' }]);
    assert.equal(readTxId, txId);
  });

  test('a request of several statements is one transaction', async () => {
    const before = await server.query('defaultdb', 'SELECT count(*) FROM t');
    await assert.rejects(server.execute('defaultdb', 'INSERT INTO t VALUES (3)', 'INSERT INTO nowhere VALUES (3)'));
    assert.deepEqual(await server.query('defaultdb', 'SELECT count(*) FROM t'), before);
  });
});

/** Every field at its default. */
const emptyStart = { ...ExportStart.decode(new Uint8Array(0)), database: 'defaultdb' };

test('a database with a damaged log is listed as failed with its reason, and the others work', async (t) => {
  const fixture = new ServerFixture(t);
  const server = await fixture.start('server');
  await (await server.client()).createDatabase({ database: 'broken', role: '', replication: undefined });
  await server.execute('broken', 'CREATE TABLE t (a)');
  for (let index = 0; index < 20; index += 1) {
    await server.execute('broken', `INSERT INTO t VALUES ('${'x'.repeat(200)}')`);
  }
  const healthy = await server.execute('defaultdb', 'CREATE TABLE t (a)');
  await server.stop('SIGKILL');
  const folder = path.join(server.directory, 'databases', 'broken', 'content-1', 'log');
  const segment = path.join(folder, readdirSync(folder).find((name) => name.endsWith('.qlog')) as string);
  const middle = readFileSync(segment).indexOf('xxxxxxxxxx', 4_096);
  const descriptor = openSync(segment, 'r+');
  writeSync(descriptor, Buffer.from('damage'), 0, 6, middle);
  closeSync(descriptor);

  const again = await fixture.start('server');
  const broken = await again.database('broken');
  assert.equal(broken.state, 'failed');
  assert.equal(broken.lastError?.code, 'LOG_CORRUPT');
  assert.notEqual(broken.lastError?.hint, '');
  await assert.rejects(again.query('broken', 'SELECT 1'), { code: 'LOG_CORRUPT' });
  assert.equal((await again.database('defaultdb')).appliedTxId, healthy);
  await again.query('defaultdb', 'SELECT * FROM t');
  await (await again.client()).deleteDatabase('broken');
  await (await again.client()).createDatabase({ database: 'broken', role: '', replication: undefined });
  await again.execute('broken', 'CREATE TABLE t (a)');
});

test('a server that dies while it makes or imports a database leaves no half of one', async (t) => {
  const fixture = new ServerFixture(t);
  const server = await fixture.start('server');
  const client = await server.client();
  const content = async function* () {
    for (let index = 0; index < 1_000; index += 1) {
      yield Buffer.alloc(65_536, 'SQLite format 3\0');
      if (index === 20) {
        await server.stop('SIGKILL');
      }
    }
  };
  await assert.rejects(client.importDatabase({ database: 'half', role: '', replication: undefined }, content()));
  const again = await fixture.start('server');
  await assert.rejects(again.database('half'), { code: 'DATABASE_NOT_FOUND' });
  assert.deepEqual(readdirSync(path.join(again.directory, 'work')), []);
});
