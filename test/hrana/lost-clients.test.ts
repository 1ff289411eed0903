/** No time limit of a transaction helps here: only the loss of its client ends it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HranaServer, startHranaServer } from '../hrana-server.ts';
import { batch, execute, RawHttp, RawSocket } from './raw-client.ts';

const hrana = await startHranaServer(
  '--transaction-idle-timeout=10m',
  '--transaction-total-timeout=10m',
  '--hrana-stream-idle-timeout=10m',
  '--hrana-write-wait=5s',
);
const http = new RawHttp(hrana);
await http.execute('CREATE TABLE t (a)');

const slow = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000000) SELECT count(*) FROM n';

async function assertWriterIsFree(): Promise<void> {
  const { results } = await http.pipeline([execute('BEGIN IMMEDIATE'), { type: 'close' }]);
  assert.equal(results[0].error, undefined);
  assert.deepEqual((await http.execute('SELECT a FROM t')).rows, []);
}

test('an HTTP client that goes away during a request of a transaction does not keep the writer', async () => {
  const { baton } = await http.pipeline([execute('BEGIN IMMEDIATE'), execute('INSERT INTO t VALUES (1)')]);
  const abort = new AbortController();
  const gone = fetch(`${hrana.server.httpUrl}/v3/pipeline`, {
    method: 'POST',
    headers: { authorization: `Bearer ${hrana.token}` },
    body: JSON.stringify({ baton, requests: [execute(slow)] }),
    signal: abort.signal,
  });
  const refused = assert.rejects(gone);
  for (let running = 0; running === 0; ) {
    const { text } = await http.send('GET', '/metrics');
    running = Number(/^quorate_hrana_http_requests (\d+)$/m.exec(text)?.[1]);
  }
  abort.abort();
  await refused;
  await assertWriterIsFree();
});

test('a WebSocket that breaks rolls its transactions back', async () => {
  const socket = await RawSocket.ready(hrana);
  await socket.ask({ ...batch(['BEGIN IMMEDIATE'], ['INSERT INTO t VALUES (2)']), stream_id: 0 });
  socket.close();
  await assertWriterIsFree();
});

test('a WebSocket that breaks while it waits for the writer does not get it later', async () => {
  const holder = await http.pipeline([execute('BEGIN IMMEDIATE')]);
  const socket = await RawSocket.ready(hrana);
  socket.send({ ...execute('BEGIN IMMEDIATE'), stream_id: 0 });
  socket.close();
  await http.pipeline([{ type: 'close' }], holder.baton);
  await assertWriterIsFree();
});

test('a transaction whose user has lost the permission does nothing more, and does not keep the writer', async () => {
  const { users } = await hrana.server.client();
  const grant = (permission: string) => ({ permission, database: 'defaultdb' });
  await users.create({
    user: 'eve',
    password: 'a long password',
    sysadmin: false,
    permissions: [grant('read'), grant('write')],
  });
  const { token } = await users.createToken({ user: 'eve', scope: [], ttlMs: 0 });
  const eve = new HranaServer(hrana.server, token);
  const begin = batch(['BEGIN IMMEDIATE'], ["INSERT INTO t VALUES ('of eve')"]);

  const { baton } = await new RawHttp(eve).pipeline([begin]);
  await users.revoke({ user: 'eve', ...grant('write') });
  const { results } = await new RawHttp(eve).pipeline([execute('COMMIT'), { type: 'close' }], baton);
  assert.equal(results[0].error.code, 'PERMISSION_DENIED');

  await users.grant({ user: 'eve', ...grant('write') });
  const socket = await RawSocket.ready(eve);
  await socket.ask({ ...begin, stream_id: 0 });
  await users.revoke({ user: 'eve', ...grant('write') });
  await assertWriterIsFree();
  for (const sql of ["INSERT INTO t VALUES ('of eve')", 'COMMIT']) {
    const { error } = await socket.ask({ ...execute(sql), stream_id: 0 });
    assert.equal(error.code, 'PERMISSION_DENIED', sql);
  }
  socket.close();
  await assertWriterIsFree();
});
