import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startHranaServer } from '../hrana-server.ts';
import { batch, execute, type Json, RawHttp, RawSocket } from './raw-client.ts';

const hrana = await startHranaServer(
  '--transaction-idle-timeout=400ms',
  '--hrana-max-request-bytes=100KiB',
  '--hrana-max-connection-streams=3',
  '--hrana-max-connection-requests=8',
  '--hrana-max-connections=3',
  '--hrana-max-batch-steps=5',
  '--max-read-transactions=2',
  '--hrana-max-response-bytes=64KiB',
);
const http = new RawHttp(hrana);
await http.execute('CREATE TABLE t (a UNIQUE)');

const url = hrana.url('ws');

function onStream(request: object, streamId = 0): object {
  return { ...request, stream_id: streamId };
}

async function withSocket(run: (socket: RawSocket) => Promise<void>): Promise<void> {
  const socket = await RawSocket.ready(hrana);
  try {
    await run(socket);
  } finally {
    socket.close();
  }
  // The server counts connections; the next test needs this one.
  for (let open = 1; open > 0; ) {
    const { text } = await http.send('GET', '/metrics');
    open = Number(/^quorate_hrana_connections (\d+)$/m.exec(text)?.[1]);
  }
}

test('the newest subprotocol in common is chosen, and none in common is refused', async () => {
  for (const [offered, chosen] of [
    [['hrana1', 'hrana3', 'hrana2'], 'hrana3'],
    [['hrana2', 'hrana1'], 'hrana2'],
    [['x', 'hrana1'], 'hrana1'],
    [[], ''],
  ] as const) {
    const socket = await RawSocket.open(url, offered);
    assert.equal(socket.protocol, chosen);
    socket.close();
    await socket.closed();
  }
  await assert.rejects(RawSocket.open(url, ['hrana3-protobuf']), /400/);
  await assert.rejects(RawSocket.open(`${url}v2/pipeline`), /400/);
});

test('what is sent before the hello is answered waits for it', async () => {
  const socket = await RawSocket.open(url);
  socket.sendText(JSON.stringify({ type: 'hello', jwt: hrana.token }));
  socket.send({ type: 'open_stream', stream_id: 7 });
  socket.send(onStream(execute('SELECT 1'), 7));
  const types = [await socket.next(), await socket.next(), await socket.next()].map(({ type }) => type);
  assert.deepEqual(types, ['hello_ok', 'response_ok', 'response_ok']);
  socket.close();
});

test('a hello without a good token is refused, and the connection closed', async () => {
  for (const jwt of [undefined, null, '', 'wrong']) {
    const socket = await RawSocket.open(url);
    socket.sendText(JSON.stringify({ type: 'hello', jwt }));
    const answer = await socket.next();
    assert.deepEqual([answer.type, answer.error.code], ['hello_error', 'UNAUTHENTICATED']);
    assert.equal((await socket.closed()).code, 1008);
  }
});

test('what is no message of the protocol closes the connection with the code for it', async () => {
  const wrong: readonly [(socket: RawSocket) => void, number][] = [
    [(socket) => socket.sendText('{'), 1007],
    [(socket) => socket.sendBinary(new Uint8Array([1])), 1003],
    [(socket) => socket.sendText('null'), 1008],
    [(socket) => socket.sendText('{"type":"nonsense"}'), 1008],
    [
      (socket) => socket.sendText('{"type":"request","request_id":0,"request":{"type":"open_stream","stream_id":0}}'),
      1008,
    ],
    [(socket) => socket.sendText(`"${'x'.repeat(200_000)}"`), 1009],
  ];
  for (const [send, code] of wrong) {
    const socket = await RawSocket.open(url);
    send(socket);
    assert.equal((await socket.closed()).code, code);
  }
});

test('the requests of one stream run in their order, and streams do not wait for each other', () =>
  withSocket(async (socket) => {
    await socket.ask({ type: 'open_stream', stream_id: 1 });
    assert.equal((await socket.ask(onStream(execute('BEGIN IMMEDIATE')))).type, 'execute');
    // This one waits for the writer, which stream 0 has.
    const waiting = socket.send(onStream(execute('INSERT INTO t VALUES (1)'), 1));
    const after = socket.send(onStream(execute('SELECT count(*) FROM t'), 1));
    socket.send(onStream(execute('SELECT 2')));
    assert.equal((await socket.next()).response.result.rows[0][0].value, '2');
    socket.send(onStream(execute('COMMIT')));
    const answers = [await socket.next(), await socket.next(), await socket.next()];
    const order = answers.map(({ request_id: id }) => id).filter((id) => id === waiting || id === after);
    assert.deepEqual(order, [waiting, after]);
    assert.equal(answers.find(({ request_id: id }) => id === waiting).response.result.rows_written, 1);
    assert.equal(answers.find(({ request_id: id }) => id === after).response.result.rows[0][0].value, '1');
  }));

test('requests keep their order also when the token is looked at again', () =>
  withSocket(async (socket) => {
    // The first request after five seconds is the one at which that happens.
    await sleep(5_100);
    const ids = socket.sendTogether([
      { type: 'open_stream', stream_id: 1 },
      onStream(execute('SELECT 1'), 1),
      { type: 'close_stream', stream_id: 1 },
    ]);
    for (const id of ids) {
      const { type, request_id: answered } = await socket.next();
      assert.deepEqual([type, answered], ['response_ok', id]);
    }
  }));

test('stored SQL belongs to the connection', () =>
  withSocket(async (socket) => {
    await socket.ask({ type: 'store_sql', sql_id: 5, sql: 'SELECT 5' });
    await socket.ask({ type: 'open_stream', stream_id: 1 });
    for (const streamId of [0, 1]) {
      const answer = await socket.ask({ type: 'execute', stream_id: streamId, stmt: { sql_id: 5 } });
      assert.equal(answer.result.rows[0][0].value, '5');
    }
    await socket.ask({ type: 'close_sql', sql_id: 5 });
    const gone = await socket.ask({ type: 'execute', stream_id: 0, stmt: { sql_id: 5 } });
    assert.equal(gone.error.code, 'SQL_NOT_STORED');
  }));

test('a number may be used again when its stream is closed, and one that is not open is told', () =>
  withSocket(async (socket) => {
    assert.equal((await socket.ask({ type: 'open_stream', stream_id: 0 })).error.code, 'PROTOCOL_ERROR');
    await socket.ask({ type: 'close_stream', stream_id: 0 });
    assert.equal((await socket.ask(onStream(execute('SELECT 1')))).error.code, 'STREAM_NOT_OPEN');
    assert.equal((await socket.ask({ type: 'open_stream', stream_id: 0 })).type, 'open_stream');
  }));

test('a connection has no more streams than the option says, and there are no more connections', () =>
  withSocket(async (socket) => {
    const opened: Json[] = [];
    for (const id of [1, 2, 3]) {
      opened.push(await socket.ask({ type: 'open_stream', stream_id: id }));
    }
    assert.deepEqual(
      opened.map(({ error }) => error?.code),
      [undefined, undefined, 'OVERLOADED'],
    );
    const others = [await RawSocket.open(url), await RawSocket.open(url)];
    await assert.rejects(RawSocket.open(url), /503/);
    for (const other of others) {
      other.close();
    }
  }));

test('no more transactions that read are open than the option says', () =>
  withSocket(async (socket) => {
    const codes: unknown[] = [];
    for (const id of [0, 1, 2]) {
      await socket.ask({ type: 'open_stream', stream_id: id });
      await socket.ask(onStream(execute('BEGIN TRANSACTION READONLY'), id));
      codes.push((await socket.ask(onStream(execute('SELECT 1'), id))).error?.code);
    }
    assert.deepEqual(codes, [undefined, undefined, 'OVERLOADED']);
  }));

test('more requests than may wait are answered all the same, as others are', () =>
  withSocket(async (socket) => {
    const count = 100;
    for (let i = 0; i < count; i += 1) {
      socket.send(onStream(execute(`SELECT ${i}`)));
    }
    for (let i = 0; i < count; i += 1) {
      assert.equal((await socket.next()).response.result.rows[0][0].value, String(i));
    }
  }));

test('a batch of too many steps is refused, and its connection goes on', () =>
  withSocket(async (socket) => {
    const steps = Array.from({ length: 6 }, (): [string] => ['SELECT 1']);
    const { error } = await socket.ask(onStream(batch(...steps)));
    assert.equal(error.code, 'MESSAGE_TOO_LARGE');
    assert.equal((await socket.ask(onStream(execute('SELECT 1')))).type, 'execute');
  }));

test('a client that does not read its answers is cut off', () =>
  withSocket(async (socket) => {
    const count = 1_000;
    socket.stopReading();
    for (let i = 0; i < count; i += 1) {
      socket.send(onStream(execute('SELECT hex(zeroblob(16000))')));
    }
    for (let open = 1; open > 0; await sleep(20)) {
      const { text } = await http.send('GET', '/metrics');
      open = Number(/^quorate_hrana_connections (\d+)$/m.exec(text)?.[1]);
    }
  }));

test('a stream whose transaction was rolled back by the server stays so until it is closed, also after ROLLBACK', () =>
  withSocket(async (socket) => {
    await socket.ask(onStream(batch(['BEGIN IMMEDIATE'], ['INSERT INTO t VALUES (20)'])));
    // The writer is free when this is done.
    await http.execute('INSERT INTO t VALUES (21)');
    const insert = async () => (await socket.ask(onStream(execute('INSERT INTO t VALUES (22)')))).error?.code;
    assert.equal(await insert(), 'TRANSACTION_TIMEOUT');
    assert.equal((await socket.ask(onStream({ type: 'get_autocommit' }))).is_autocommit, false);
    assert.equal((await socket.ask(onStream(execute('ROLLBACK')))).type, 'execute');
    assert.equal(await insert(), 'TRANSACTION_TIMEOUT');
    await socket.ask({ type: 'close_stream', stream_id: 0 });
    await socket.ask({ type: 'open_stream', stream_id: 0 });
    assert.equal(await insert(), undefined);
    const { rows } = await http.execute('SELECT a FROM t WHERE a BETWEEN 20 AND 22 ORDER BY a');
    assert.deepEqual(
      rows.map(([{ value }]: [{ value: string }]) => value),
      ['21', '22'],
    );
  }));

test('a cursor is fetched piece by piece, and its stream does nothing else meanwhile', () =>
  withSocket(async (socket) => {
    const sql = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5) SELECT i FROM n';
    const steps = [{ stmt: { sql } }, { stmt: { sql: 'SELECT 9' } }];
    await socket.ask({ type: 'open_cursor', stream_id: 0, cursor_id: 3, batch: { steps } });
    assert.equal((await socket.ask(onStream(execute('SELECT 1')))).error.code, 'PROTOCOL_ERROR');
    const entries: Json[] = [];
    const sizes: number[] = [];
    for (let done = false; !done; ) {
      const piece = await socket.ask({ type: 'fetch_cursor', cursor_id: 3, max_count: 4 });
      entries.push(...piece.entries);
      sizes.push(piece.entries.length);
      done = piece.done;
    }
    assert.ok(sizes.every((size) => size <= 4));
    const step = (rows: number) => ['step_begin', ...Array.from({ length: rows }, () => 'row'), 'step_end'];
    assert.deepEqual(
      entries.map(({ type }) => type),
      [...step(5), ...step(1)],
    );
    await socket.ask({ type: 'close_cursor', cursor_id: 3 });
    assert.equal((await socket.ask(onStream(execute('SELECT 1')))).type, 'execute');
    assert.equal(
      (await socket.ask({ type: 'fetch_cursor', cursor_id: 3, max_count: 1 })).error.code,
      'STREAM_NOT_OPEN',
    );
  }));

test('a server that stops closes the connections, and says so', async () => {
  const socket = await RawSocket.ready(hrana);
  const stopped = hrana.server.stop();
  assert.equal((await socket.closed()).code, 1001);
  assert.equal(await stopped, 0);
});
