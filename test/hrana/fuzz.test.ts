import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fuzzSeed, fuzzTimeMs } from '../fuzz/fuzz-loop.ts';
import { startHranaServer } from '../hrana-server.ts';
import { RawHttp, RawSocket } from './raw-client.ts';

const hrana = await startHranaServer(
  '--transaction-idle-timeout=200ms',
  '--hrana-stream-idle-timeout=200ms',
  '--hrana-write-wait=100ms',
);
const http = new RawHttp(hrana);
await http.execute('CREATE TABLE kept (a)');
await http.execute('INSERT INTO kept VALUES (42)');

/** fast-check tells the path to what failed; the seed alone begins with the same input. */
const limits = { interruptAfterTimeLimit: fuzzTimeMs, numRuns: 1_000_000, seed: fuzzSeed };
console.log(`Hrana: QUORATE_FUZZ_SEED=${fuzzSeed}`);

const statements = [
  'SELECT 1',
  'SELECT ?, :a',
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  'SAVEPOINT x',
  "INSERT INTO fuzzed VALUES ('a')",
  'CREATE TABLE fuzzed (a)',
  'PRAGMA foreign_keys = OFF',
  'ATTACH ":memory:" AS x',
  'SELECT load_extension("x")',
  'PRAGMA writable_schema = ON',
  'SELECT * FROM _quorate_state',
  'DELETE FROM _quorate_state',
  'CREATE TRIGGER x AFTER INSERT ON t BEGIN',
  "SELECT 'open",
  '/* open',
  ';;;',
];

const sql = fc.oneof(
  fc.constantFrom(...statements),
  fc.array(fc.constantFrom(...statements), { maxLength: 4 }).map((list) => list.join(';')),
  fc.string({ unit: 'binary' }),
);
const value = fc.oneof(
  fc.record({
    type: fc.constantFrom('integer', 'float', 'text', 'blob', 'null', 'x'),
    value: fc.anything(),
    base64: fc.string(),
  }),
  fc.jsonValue(),
);
const statement = fc.record(
  {
    sql: fc.option(sql),
    sql_id: fc.option(fc.integer()),
    args: fc.array(value, { maxLength: 3 }),
    named_args: fc.jsonValue(),
    want_rows: fc.jsonValue(),
  },
  { requiredKeys: [] },
);
const condition = fc.oneof(
  fc.record({ type: fc.constantFrom('ok', 'error', 'not', 'and'), step: fc.integer(), conds: fc.jsonValue() }),
  fc.jsonValue(),
);
const request = fc.oneof(
  fc.record({ type: fc.constant('execute'), stmt: statement, stream_id: fc.nat(3) }),
  fc.record({
    type: fc.constant('batch'),
    batch: fc.record({ steps: fc.array(fc.record({ stmt: statement, condition }), { maxLength: 4 }) }),
    stream_id: fc.nat(3),
  }),
  fc.record({
    type: fc.constantFrom('sequence', 'describe', 'store_sql', 'close_sql'),
    sql,
    sql_id: fc.nat(3),
    stream_id: fc.nat(3),
  }),
  fc.record({ type: fc.constantFrom('close', 'get_autocommit', 'open_stream', 'close_stream'), stream_id: fc.nat(3) }),
  fc.record({
    type: fc.constantFrom('open_cursor', 'fetch_cursor', 'close_cursor'),
    cursor_id: fc.nat(2),
    stream_id: fc.nat(3),
    max_count: fc.nat(5),
    batch: fc.jsonValue(),
  }),
  fc.jsonValue(),
);
const body = fc.oneof(
  fc
    .record({ baton: fc.option(fc.string()), requests: fc.array(request, { maxLength: 5 }) })
    .map((json) => JSON.stringify(json)),
  fc.json(),
  fc.string({ unit: 'binary' }),
);

/** What the database holds is as before, and nothing is left open. */
async function assertUnharmed(): Promise<void> {
  for (let open = 1; open > 0; ) {
    const { text } = await http.send('GET', '/metrics');
    const count = (name: string) => Number(new RegExp(`^quorate_hrana_${name} (\\d+)$`, 'm').exec(text)?.[1]);
    open = count('http_streams') + count('connections') + count('connection_streams') + count('http_requests');
    assert.ok(!/^quorate_errors_total\{code="INTERNAL"\}/m.test(text), hrana.server.log);
  }
  assert.equal((await http.execute('SELECT a FROM kept')).rows[0][0].value, '42');
  assert.equal((await http.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'kept'")).rows[0][0].value, '1');
}

test('whatever comes over HTTP is answered, and nothing is left of it', async () => {
  const path = fc.constantFrom('/v2/pipeline', '/v3/pipeline', '/v3/cursor', '/v1/execute', '/v1/batch', '/');
  const property = fc.asyncProperty(path, body, async (url, text) => {
    const answer = await http.send('POST', url, text);
    assert.ok(
      answer.status === 200 || (answer.status < 500 && typeof answer.body.code === 'string'),
      `${answer.status} ${answer.text}`,
    );
  });
  await fc.assert(property, limits);
  await assertUnharmed();
});

test('whatever comes over a WebSocket is answered or ends the connection, and nothing is left of it', async () => {
  const message = fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .record({ type: fc.constant('request'), request_id: fc.integer(), request })
        .map((json) => JSON.stringify(json)),
    },
    { weight: 1, arbitrary: body },
  );
  const property = fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 20 }), async (messages) => {
    const socket = await RawSocket.ready(hrana);
    for (const text of messages) {
      socket.sendText(text);
    }
    // An answer to this one, or the end of the connection, shows that all of them were looked at.
    socket.sendText('{"type":"nonsense"}');
    const { code } = await socket.closed();
    assert.ok([1007, 1008].includes(code), String(code));
  });
  await fc.assert(property, limits);
  await assertUnharmed();
});
