import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { NodeClient, RemoteTransaction } from '../src/client/interface.ts';
import { AdminService, QueryService } from '../src/proto/interface.ts';
import { errorFromGrpc } from '../src/replication/interface.ts';
import { adminPassword, ServerFixture, type ServerProcess } from './server-process.ts';
import { until } from './until.ts';

const maxConnections = 4;
const maxCalls = 5;

async function metric(server: ServerProcess, name: string): Promise<number> {
  const text = await (await fetch(`${server.httpUrl}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

async function untilMetric(server: ServerProcess, name: string, wanted: number): Promise<void> {
  await until(`${name} is ${wanted}`, async () => (await metric(server, name)) === wanted);
}

const begin = (client: NodeClient, database = 'defaultdb') => RemoteTransaction.begin({ client }, database);

describe('limits of gRPC', () => {
  const fixture = new ServerFixture({ after });
  let server: ServerProcess;
  let client: NodeClient;

  before(async () => {
    server = await fixture.start(
      'server',
      ...[`--grpc-max-connections=${maxConnections}`, `--grpc-max-connection-calls=${maxCalls}`],
      ...['--max-message-bytes=1MiB', '--max-result-bytes=64KiB', '--max-transaction-bytes=128KiB'],
      ...['--query-timeout=300ms', '--transaction-total-timeout=500ms', '--transaction-idle-timeout=10s'],
      ...['--max-users=2', '--max-revoked-tokens=1', '--reader-processes=1', '--reader-queue-limit=2'],
    );
    client = await server.client();
    await server.execute('defaultdb', 'CREATE TABLE t (a)');
  });

  test('one connection over the limit is closed at once, and those that end make room', async () => {
    const taken = await metric(server, 'quorate_grpc_connections');
    const sockets = Array.from({ length: maxConnections - taken }, () => net.connect(server.port, '127.0.0.1'));
    await untilMetric(server, 'quorate_grpc_connections', maxConnections);
    const over = net.connect(server.port, '127.0.0.1').resume();
    over.on('error', () => {});
    await once(over, 'close');
    assert.equal(await metric(server, 'quorate_grpc_connections_refused_total'), 1);
    for (const socket of sockets) {
      socket.destroy();
    }
    await untilMetric(server, 'quorate_grpc_connections', taken);
    const next = net.connect(server.port, '127.0.0.1');
    await untilMetric(server, 'quorate_grpc_connections', taken + 1);
    next.destroy();
  });

  test('a connection has no more calls open than the limit, and the next one waits for an end', async () => {
    // Each waits for the writer, which the first one holds.
    const first = await begin(client);
    const waiting = Array.from({ length: maxCalls - 1 }, () => begin(client));
    await untilMetric(server, 'quorate_grpc_calls', maxCalls);
    let answered = false;
    const status = client.status('defaultdb').finally(() => {
      answered = true;
    });
    assert.equal(await metric(server, 'quorate_grpc_calls'), maxCalls);
    assert.equal(answered, false);
    await first.rollback();
    await status;
    for (const next of waiting) {
      await (await next).rollback().catch(() => {});
    }
    await untilMetric(server, 'quorate_grpc_calls', 0);
  });

  test('messages, statements, results and transactions over their limits are refused with a code', async () => {
    const run = (sql: string) => client.execute('defaultdb', [{ sql }]);
    await assert.rejects(run(`SELECT '${'x'.repeat(1024 * 1024)}'`), { code: 'MESSAGE_TOO_LARGE' });
    const many = Array.from({ length: 10_001 }, () => ({ sql: 'SELECT 1' }));
    await assert.rejects(client.execute('defaultdb', many), { code: 'MESSAGE_TOO_LARGE' });
    await assert.rejects(run('SELECT randomblob(70000)'), { code: 'RESULT_TOO_LARGE' });
    await assert.rejects(run('INSERT INTO t VALUES (randomblob(70000)) RETURNING a'), { code: 'RESULT_TOO_LARGE' });
    await assert.rejects(run('INSERT INTO t VALUES (randomblob(140000))'), { code: 'TRANSACTION_TOO_LARGE' });
    const transaction = await begin(client);
    await assert.rejects(transaction.run({ sql: 'SELECT randomblob(70000)' }), { code: 'RESULT_TOO_LARGE' });
    await transaction.rollback();
    assert.deepEqual(await server.query('defaultdb', 'SELECT count(*) FROM t'), [[0n]]);
  });

  test('a query, and a transaction, end when their time is over', async () => {
    const endless = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n';
    await assert.rejects(server.query('defaultdb', endless), { code: 'QUERY_TIMEOUT' });
    const transaction = await begin(client);
    const run = async () => {
      for (;;) {
        await transaction.run({ sql: 'SELECT 1' });
      }
    };
    await assert.rejects(run(), { code: 'TRANSACTION_TIMEOUT' });
    await assert.rejects(transaction.rollback());
    await server.execute('defaultdb', 'INSERT INTO t VALUES (1)');
  });

  test('a transaction whose commit fails, or that has ended before, leaves no call open', async () => {
    const keys = 'CREATE TABLE child (a REFERENCES t2 (a) DEFERRABLE INITIALLY DEFERRED)';
    await server.execute('defaultdb', 'CREATE TABLE t2 (a PRIMARY KEY)', keys);
    const failing = await begin(client);
    await failing.run({ sql: 'INSERT INTO child VALUES (1)' });
    await assert.rejects(failing.commit(), { code: 'CONSTRAINT_VIOLATION' });
    const late = await begin(client);
    // Another one gets the writer when the time of the first one is over.
    await (await begin(client)).rollback();
    await assert.rejects(late.rollback());
    await untilMetric(server, 'quorate_grpc_calls', 0);
  });

  test('a transaction that sends without waiting for answers is ended', async () => {
    const transaction = await begin(client);
    const asked = Array.from({ length: 200 }, () => transaction.run({ sql: 'SELECT 1' }));
    const outcomes = (await Promise.allSettled(asked)) as PromiseRejectedResult[];
    assert.ok(outcomes.some(({ reason }) => reason?.code === 'OVERLOADED'));
    await server.execute('defaultdb', 'INSERT INTO t VALUES (2)');
  });

  test('queries that would wait behind too many others are refused', async () => {
    const slow = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) SELECT max(i) FROM n';
    using second = new NodeClient({ host: '127.0.0.1', port: server.port });
    await second.login('admin', adminPassword);
    const asked = [client, second].flatMap((each) =>
      Array.from({ length: maxCalls }, () => each.execute('defaultdb', [{ sql: slow }])),
    );
    const outcomes = (await Promise.allSettled(asked)) as PromiseRejectedResult[];
    assert.ok(outcomes.some(({ reason }) => reason?.code === 'OVERLOADED'));
    assert.ok(outcomes.some(({ status }) => status === ('fulfilled' as string)));
  });

  test('there are no more users, and no more revoked tokens, than the options say', async () => {
    const make = (user: string) =>
      client.users.create({ user, password: 'long enough', sysadmin: false, permissions: [] });
    const permissions = Array.from({ length: 1_001 }, (_, i) => ({ permission: 'read', database: `d${i}` }));
    const tooMuch = client.users.create({ user: 'ada', password: 'long enough', sysadmin: false, permissions });
    await assert.rejects(tooMuch, { code: 'INVALID_ARGUMENT' });
    await make('ada');
    await assert.rejects(make('bob'), { code: 'OVERLOADED' });
    const token = () => client.users.createToken({ user: 'ada', scope: [], ttlMs: 0 });
    await client.users.revokeToken((await token()).id);
    const { id } = await token();
    await assert.rejects(client.users.revokeToken(id), { code: 'OVERLOADED' });
  });
});

/** A client that sends whatever bytes it is given. */
class RawClient extends Client {
  readonly metadata = new Metadata();

  constructor(port: number, token: string) {
    super(`127.0.0.1:${port}`, credentials.createInsecure());
    this.metadata.set('authorization', `Bearer ${token}`);
  }
}

const same = (bytes: Buffer) => bytes;

test('a request that is no message is an error of its caller, in streams too', async (t) => {
  const server = await new ServerFixture(t).start('server');
  const { token } = await (await server.client()).login('admin', adminPassword);
  const raw = new RawClient(server.port, token);
  t.after(() => raw.close());
  const bytes = Buffer.from('ffffffff', 'hex');
  const code = await new Promise<string>((resolve) => {
    const done = (error: ServiceError | null) => resolve(error === null ? 'ok' : errorFromGrpc(error).code);
    raw.makeUnaryRequest(QueryService.execute.path, same, same, bytes, raw.metadata, done);
  });
  assert.equal(code, 'PROTOCOL_ERROR');
  const stream = raw.makeBidiStreamRequest(QueryService.transaction.path, same, same, raw.metadata);
  stream.write(bytes);
  stream.resume();
  const [error] = await once(stream, 'error').catch((thrown: ServiceError) => [thrown]);
  assert.equal(errorFromGrpc(error).code, 'PROTOCOL_ERROR');
});

test('a caller that leaves in the middle of an import is no defect of the server', async (t) => {
  const server = await new ServerFixture(t).start('server');
  const { token } = await (await server.client()).login('admin', adminPassword);
  const raw = new RawClient(server.port, token);
  t.after(() => raw.close());
  const { path, requestSerialize } = AdminService.importDatabase;
  const call = raw.makeClientStreamRequest(path, requestSerialize, same, raw.metadata, () => {});
  call.write({
    message: { $case: 'create', value: { database: 'shop', role: '', replication: undefined, acks: undefined } },
  });
  await untilMetric(server, 'quorate_grpc_calls', 1);
  call.cancel();
  await untilMetric(server, 'quorate_grpc_calls', 0);
  const metrics = await (await fetch(`${server.httpUrl}/metrics`)).text();
  assert.doesNotMatch(metrics, /quorate_errors_total\{code="INTERNAL"\}/);
  await assert.rejects(server.database('shop'), { code: 'DATABASE_NOT_FOUND' });
  assert.doesNotMatch(server.log, /"level":50/);
});
