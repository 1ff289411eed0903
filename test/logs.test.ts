/** What servers write to standard error with --json. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { logProcessWarnings } from '../src/cli/process-warnings.ts';
import { createServerLogger } from '../src/cli/server-logger.ts';
import { NodeClient } from '../src/client/interface.ts';
import { createNodeRuntime } from '../src/runtime/interface.ts';
import { startTracing, tracing } from '../src/tracing/interface.ts';
import { loginToken } from './hrana-server.ts';
import { adminPassword, follow, ServerFixture, type ServerProcess } from './server-process.ts';
import { until } from './until.ts';

interface LogLine {
  readonly level: number;
  readonly time: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

const levels = [20, 30, 40, 50];

/** Every line must be one object with level, time and message. */
function linesOf(text: string): LogLine[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((text) => {
      const line = JSON.parse(text) as LogLine;
      assert.ok(levels.includes(line.level) && typeof line.msg === 'string' && line.msg !== '', text);
      assert.ok(Math.abs(line.time - Date.now()) < 600_000, text);
      return line;
    });
}

function find(lines: readonly LogLine[], fields: Readonly<Record<string, unknown>>): LogLine | undefined {
  return lines.find((line) => Object.entries(fields).every(([name, value]) => line[name] === value));
}

async function untilFollowed(server: ServerProcess, database: string): Promise<void> {
  const client = await server.client();
  await until(`${database} is followed`, async () =>
    (await client.status()).databases.some((status) => status.database === database),
  );
}

async function wrongLogin(server: ServerProcess, password: string): Promise<void> {
  using client = new NodeClient({ host: '127.0.0.1', port: server.port });
  await assert.rejects(client.login('admin', password));
}

test('every line is one JSON object, in normal life, with errors and at the end, and has no secrets', async (t) => {
  const fixture = new ServerFixture(t);
  const verbose = '--log-level=debug';
  const primary = await fixture.start('primary', verbose);
  const replica = await fixture.start('replica', verbose, ...follow(primary));
  await replica.until('defaultdb', ({ replicator }) => replicator?.state === 'streaming');
  const token = await loginToken(primary);
  const admin = await primary.client();
  await admin.createDatabase({ database: 'orders', role: '', replication: undefined, acks: undefined });
  await primary.execute('orders', 'CREATE TABLE t (a)', "INSERT INTO t VALUES ('classified')");
  await untilFollowed(replica, 'orders');
  await replica.until('orders', ({ appliedTxId }) => appliedTxId > 0);
  await assert.rejects(primary.query('orders', 'SELECT classified FROM t'));
  await wrongLogin(primary, 'a wrong password');
  await primary.stop('SIGKILL');
  await replica.until('orders', ({ replicator }) => (replicator?.retries ?? 0) > 0);
  assert.equal(await replica.stop(), 0);

  const lines = linesOf(replica.log);
  assert.ok(find(lines, { msg: 'replication is streaming', level: 30 }));
  assert.ok(find(lines, { msg: 'is new on the followed server and is followed', database: 'orders', level: 30 }));
  assert.ok(find(lines, { msg: 'replication is backing-off', level: 40 }));
  linesOf(primary.log);
  for (const secret of [adminPassword, token, 'a wrong password', 'classified']) {
    assert.ok(!primary.log.includes(secret) && !replica.log.includes(secret), `the log tells ${secret}`);
  }
});

test('a damaged database is told of by name', async (t) => {
  const fixture = new ServerFixture(t);
  const before = await fixture.start('server');
  await before.execute('defaultdb', 'CREATE TABLE t (a)');
  await before.stop();
  writeFileSync(path.join(before.directory, 'databases', 'defaultdb', 'settings.json'), 'damaged');
  const after = await fixture.start('server');
  await after.until('defaultdb', ({ state }) => state === 'failed');
  await after.stop();
  assert.ok(find(linesOf(after.log), { database: 'defaultdb', code: 'DATABASE_CORRUPT', level: 50 }));
});

test('a warning of Node itself is a line like others', async (t) => {
  const written: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => written.push(text) > 0);
  {
    using _warnings = logProcessWarnings(createServerLogger('info', true));
    const warned = once(process, 'warning');
    process.emitWarning('something is not as it was');
    await warned;
  }
  t.mock.restoreAll();
  assert.ok(find(linesOf(written.join('')), { msg: 'something is not as it was', warning: 'Warning', level: 40 }));
});

test('a line that is written for a traced request names its trace', async (t) => {
  const written: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => written.push(text) > 0);
  const logger = createServerLogger('info', true);
  const values = { tracingEndpoint: 'http://127.0.0.1:9', tracingServiceName: 'x', tracingSampleRatio: 1 };
  const limits = { tracingQueueLimit: 10, tracingIntervalMs: 60_000, tracingTimeoutMs: 1 };
  await using _spans = await startTracing({ ...values, ...limits }, createNodeRuntime(), {});
  const span = tracing()?.begin({ name: 'request', kind: 'server', attributes: {} });
  span?.run(() => logger.info({ database: 'orders' }, 'inside'));
  logger.info({}, 'outside');
  t.mock.restoreAll();
  const [inside, outside] = linesOf(written.join(''));
  assert.equal(`00-${inside?.['trace_id']}-${inside?.['span_id']}-01`, span?.headers.traceparent);
  assert.equal(outside?.['trace_id'], undefined);
});
