/** What Quorate takes beyond Hrana, and what it tells of its nodes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startHranaServer } from '../hrana-server.ts';
import { adminPassword } from '../server-process.ts';
import { batch, execute, type Json, RawHttp } from './raw-client.ts';

const hrana = await startHranaServer();
const http = new RawHttp(hrana);
await http.execute('CREATE TABLE t (a UNIQUE)');

const close = { type: 'close' };
const ok = (step: number) => ({ type: 'ok', step });

function keyed(request: Json, quorate: object): object {
  return request.type === 'execute'
    ? { ...request, stmt: { ...request.stmt, quorate } }
    : { ...request, batch: { ...request.batch, quorate } };
}

async function send(...requests: readonly object[]): Promise<Json[]> {
  const { results } = await http.pipeline([...requests, close]);
  return results.map((entry: Json) => entry.response?.result ?? entry.error);
}

const count = async () => Number((await http.execute('SELECT count(*) FROM t')).rows[0][0].value);

test('a statement with a key takes effect once, and tells its position', async () => {
  const insert = keyed(execute("INSERT INTO t VALUES ('once')"), { key: 'k1', acks: { level: 'async' } });
  const [first] = await send(insert);
  const [again] = await send(insert);
  assert.deepEqual(first.quorate, { position: first.quorate.position, acks: 0, repeated: false });
  assert.deepEqual(again.quorate, { ...first.quorate, repeated: true });
  assert.equal(await count(), 1);
});

test('a batch with a key takes effect once, and one that fails leaves its key', async () => {
  const steps = (value: string) =>
    batch(['BEGIN IMMEDIATE'], ['SELECT 1', ok(0)], [`INSERT INTO t VALUES ('${value}')`, ok(1)], ['COMMIT', ok(2)]);
  const [failed] = await send(keyed(steps('once'), { key: 'k2' }));
  assert.equal(failed.step_errors[2].code, 'SQLITE_CONSTRAINT');
  const [done] = await send(keyed(steps('batch'), { key: 'k2' }));
  const [again] = await send(keyed(steps('batch'), { key: 'k2' }));
  assert.equal(done.step_results[3].quorate.repeated, false);
  assert.equal(again.step_results[3].quorate.repeated, true);
  assert.equal(await count(), 2);
});

test('a batch that is no whole transaction takes no wishes', async () => {
  const [refused] = await send(keyed(batch(["INSERT INTO t VALUES ('a')"]), { key: 'k3' }));
  assert.equal(refused.code, 'INVALID_ARGUMENT');
  assert.equal(await count(), 2);
});

test('a transaction whose key was taken is rolled back at its commit', async () => {
  const commit = keyed(execute('COMMIT'), { key: 'k4' });
  const run = (value: string) => send(execute('BEGIN IMMEDIATE'), execute(`INSERT INTO t VALUES ('${value}')`), commit);
  const [, , done] = await run('first');
  const [, , refused] = await run('second');
  assert.equal(done.quorate.repeated, false);
  assert.equal(refused.code, 'TRANSACTION_CLOSED');
  assert.equal(await count(), 3);
});

test('a wish that is none is refused', async () => {
  for (const quorate of [{ key: 1 }, { acks: { level: 'all' } }, { consistency: { level: 'best' } }, 7]) {
    const { status } = await http.send('POST', '/v3/pipeline', {
      requests: [keyed(execute('SELECT 1'), quorate as object)],
    });
    assert.equal(status, 400);
  }
});

test('a node tells who has a database to those who may read it', async () => {
  const { status, body } = await http.send('GET', '/v1/cluster/defaultdb');
  const { nodeId } = hrana.server.ready;
  assert.equal(status, 200);
  assert.deepEqual([body.nodeId, body.primary, body.term], [nodeId, nodeId, 1]);
  assert.equal(body.members[0].httpUrl, hrana.server.httpUrl);
  assert.equal((await http.send('GET', '/v1/cluster/nothing')).status, 404);
  assert.equal((await http.send('GET', '/v1/cluster/systemdb')).status, 403);
  assert.equal((await fetch(`${hrana.server.httpUrl}/v1/cluster/defaultdb`)).status, 401);
});

test('a user logs in over HTTP', async () => {
  const log = (password: string) => http.send('POST', '/v1/login', { user: 'admin', password });
  const { body } = await log(adminPassword);
  assert.equal(typeof body.token, 'string');
  assert.equal((await log('wrong')).status, 401);
  assert.equal((await http.send('POST', '/v1/login', '{')).status, 400);
});

test('scripts of every origin may log in and ask who has a database', async () => {
  const asked = ['POST /v1/login', 'GET /v1/cluster/defaultdb', 'GET /v1/cluster/nothing', 'PUT /v1/login'];
  for (const request of asked) {
    const [method = '', path = ''] = request.split(' ');
    const preflight = await http.send('OPTIONS', path);
    assert.equal(preflight.status, 200, request);
    for (const { headers } of [preflight, await http.send(method, path, method === 'GET' ? undefined : '{')]) {
      assert.equal(headers.get('access-control-allow-origin'), '*', request);
      assert.equal(headers.get('access-control-allow-headers'), '*, Authorization', request);
    }
  }
  const { headers } = await http.send('GET', '/status');
  assert.equal(headers.get('access-control-allow-origin'), null);
});
