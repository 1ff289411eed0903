/** A statement that does not end holds the writer of one database, and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseExposition } from './exposition.ts';
import { execute, RawHttp } from './hrana/raw-client.ts';
import { createDatabase, HranaServer, loginToken } from './hrana-server.ts';
import { ServerFixture, type ServerProcess } from './server-process.ts';
import { until } from './until.ts';

const patienceMs = 60_000;

/** Counts up to a number, or without end. */
function counting(limit?: number): string {
  const end = limit === undefined ? '' : ` LIMIT ${limit}`;
  return `WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n${end}) SELECT count(*) FROM n`;
}

async function startWithTwo(fixture: ServerFixture, ...args: string[]): Promise<[ServerProcess, RawHttp]> {
  const server = await fixture.start('server', '--writer-stall-timeout=400ms', ...args);
  await server.execute('defaultdb', 'CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)');
  const hrana = new HranaServer(server, await loginToken(server));
  await createDatabase(hrana, 'other');
  await server.execute('other', 'CREATE TABLE items (id INTEGER PRIMARY KEY)');
  return [server, new RawHttp(hrana)];
}

/** Runs a statement inside a transaction that writes; whatever becomes of its answer. */
async function holdWriter(http: RawHttp, sql: string): Promise<void> {
  const insert = execute("INSERT INTO items (name) VALUES ('not committed')");
  const { baton } = await http.pipeline([execute('BEGIN IMMEDIATE'), insert]);
  http.pipeline([execute(sql)], baton).catch(() => {});
}

async function ask(server: ServerProcess, path: string): Promise<{ status: number; reason?: string }> {
  const response = await fetch(server.httpUrl + path);
  const { reason } = (await response.json()) as { reason?: string };
  return reason === undefined ? { status: response.status } : { status: response.status, reason };
}

async function untilStatus(server: ServerProcess, path: string, wanted: number): Promise<void> {
  await until(`${path} answers ${wanted}`, async () => (await ask(server, path)).status === wanted, patienceMs);
}

async function metric(server: ServerProcess, name: string, database: string): Promise<number | undefined> {
  const families = parseExposition(await (await fetch(`${server.httpUrl}/metrics`)).text());
  return families.get(name)?.samples.find(({ labels }) => labels['database'] === database)?.value;
}

test('a writer that stands still is seen everywhere, the rest goes on, and SIGTERM ends the process', async (t) => {
  const fixture = new ServerFixture(t);
  const [server, http] = await startWithTwo(fixture, '--writer-stall-liveness', '--drain-timeout=2s');
  const kept = await server.execute('defaultdb', "INSERT INTO items (name) VALUES ('kept')");
  assert.deepEqual(await ask(server, '/liveness'), { status: 200 });
  await holdWriter(http, counting());
  await untilStatus(server, '/primary', 503);
  assert.match((await ask(server, '/primary')).reason ?? '', /WRITER_STALLED/);
  for (const path of ['/readiness', '/liveness']) {
    assert.deepEqual(await ask(server, path), { status: 503, reason: 'the writer is stalled of defaultdb' });
  }
  assert.equal((await server.database('defaultdb')).lastError?.code, 'WRITER_STALLED');
  assert.equal(await metric(server, 'quorate_writer_stalls_total', 'defaultdb'), 1);
  assert.ok(((await metric(server, 'quorate_writer_silent_seconds', 'defaultdb')) ?? 0) >= 0.4);

  assert.deepEqual(await server.query('defaultdb', 'SELECT name FROM items'), [['kept']]);
  await server.execute('other', 'INSERT INTO items DEFAULT VALUES');
  assert.deepEqual(await ask(server, '/primary?database=other'), { status: 200 });
  assert.deepEqual(await ask(server, '/read-only'), { status: 200 });
  assert.equal(await metric(server, 'quorate_writer_stalls_total', 'other'), 0);

  const waiting = (await server.client()).execute('defaultdb', [{ sql: "INSERT INTO items (name) VALUES ('late')" }]);
  const refused = assert.rejects(waiting);
  assert.equal(await server.stop(), 'SIGKILL');
  await refused;
  assert.match(server.log, /"databases":\["defaultdb"\]/);
  assert.equal(server.log.match(/has been at one statement/g)?.length, 1);
  const again = await fixture.start('server');
  assert.equal((await again.database('defaultdb')).appliedTxId, kept);
  assert.deepEqual(await again.query('defaultdb', 'SELECT name FROM items'), [['kept']]);
  assert.deepEqual(await again.query('other', 'SELECT count(*) FROM items'), [[1n]]);
});

test('a writer that comes back is well again, and /liveness minds it only where that was asked for', async (t) => {
  const [server, http] = await startWithTwo(new ServerFixture(t));
  await holdWriter(http, counting(30_000_000));
  await untilStatus(server, '/primary', 503);
  assert.deepEqual(await ask(server, '/liveness'), { status: 200 });
  await untilStatus(server, '/primary', 200);
  await untilStatus(server, '/readiness', 200);
  assert.equal((await server.database('defaultdb')).lastError, undefined);
  assert.deepEqual([server.log.match(/has been at one/g)?.length, server.log.match(/is back/g)?.length], [1, 1]);
  assert.equal(await server.stop(), 0);
});
