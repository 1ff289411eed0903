import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HranaServer, startHranaServer } from '../hrana-server.ts';
import { batch, execute, RawHttp } from './raw-client.ts';

const hrana = await startHranaServer(
  '--transaction-idle-timeout=400ms',
  '--hrana-stream-idle-timeout=1500ms',
  '--hrana-write-wait=300ms',
  '--hrana-max-request-bytes=100KiB',
  '--hrana-max-response-bytes=64KiB',
  '--hrana-max-sql-bytes=20KiB',
  '--hrana-max-pipeline=20',
  '--hrana-max-batch-steps=20',
  '--hrana-max-stored-sql=3',
  '--hrana-max-stored-sql-bytes=10KiB',
  '--hrana-max-http-requests=20',
  '--hrana-max-http-streams=2',
  '--hrana-position-wait=200ms',
);
const http = new RawHttp(hrana);
await http.execute('CREATE TABLE t (a UNIQUE, b)');

const close = { type: 'close' };
const begin = execute('BEGIN IMMEDIATE');

test('values have the forms that clients decode', async () => {
  const sql = "SELECT 9007199254740993, 1.0, -0.0, 9e999, 'a/b', x'01', x'0102', x'', NULL";
  const { rows, cols } = await http.execute(sql);
  assert.deepEqual(rows[0], [
    { type: 'integer', value: '9007199254740993' },
    { type: 'float', value: 1 },
    { type: 'float', value: -0 },
    { type: 'float', value: null },
    { type: 'text', value: 'a/b' },
    { type: 'blob', base64: 'AQ' },
    { type: 'blob', base64: 'AQI' },
    { type: 'blob', base64: '' },
    { type: 'null' },
  ]);
  assert.deepEqual(cols[0], { name: '9007199254740993', decltype: null });
});

test('blobs are taken with and without padding, and anything else is no base64', async () => {
  const { rows } = await http.execute('SELECT hex(?), hex(?)', [
    { type: 'blob', base64: 'AQ==' },
    { type: 'blob', base64: 'AQ' },
  ]);
  assert.deepEqual(rows[0], [
    { type: 'text', value: '01' },
    { type: 'text', value: '01' },
  ]);
  for (const base64 of ['?', 'A', 'AQIDA', 'A===']) {
    const sent = { requests: [execute('SELECT ?', [{ type: 'blob', base64 }])] };
    const bad = await http.send('POST', '/v2/pipeline', sent);
    assert.deepEqual([bad.status, bad.body.code], [400, 'PROTOCOL_ERROR'], base64);
    const old = await http.send('POST', '/', { statements: [{ q: 'SELECT ?', params: [{ base64 }] }] });
    assert.deepEqual([old.status, old.body.code], [400, 'PROTOCOL_ERROR'], base64);
  }
});

test('changes are counted for what changes rows, and the rowid is told of inserts only', async () => {
  const facts = async (sql: string) => {
    const { affected_row_count: count, rows_written: written, last_insert_rowid: rowid } = await http.execute(sql);
    assert.equal(written, count);
    return [count, rowid];
  };
  assert.deepEqual(await facts('CREATE TABLE counted (a)'), [0, null]);
  assert.deepEqual(await facts('INSERT INTO counted VALUES (1), (2)'), [2, '2']);
  assert.deepEqual(await facts('UPDATE counted SET a = 3'), [2, null]);
  assert.deepEqual(await facts('SELECT * FROM counted'), [0, null]);
  assert.deepEqual(await facts('DELETE FROM counted WHERE rowid = 1'), [1, null]);
  assert.deepEqual(await facts('INSERT INTO counted VALUES (9) RETURNING a'), [1, '3']);
});

test('null stands for every field that is left out, and unknown fields are ignored', async () => {
  const stmt = {
    sql: 'SELECT 1',
    sql_id: null,
    args: null,
    named_args: null,
    want_rows: null,
    replication_index: null,
    x: 1,
  };
  const { results } = await http.pipeline([{ type: 'execute', stmt, y: 2 }]);
  assert.equal(results[0].type, 'ok');
});

test('a failed request does not keep the later ones of its pipeline from running', async () => {
  const { results, baton, base_url: base } = await http.pipeline([execute('SELECT nope'), execute('SELECT 2'), close]);
  assert.deepEqual(results[0], { type: 'error', error: { message: 'no such column: nope', code: 'SQLITE_ERROR' } });
  assert.equal(results[1].response.result.rows[0][0].value, '2');
  assert.deepEqual([results[2].response.type, baton, base], ['close', null, null]);
});

test('the primary code of SQLite comes with the extended one', async () => {
  await http.execute('INSERT INTO t VALUES (100, 0)');
  const { results } = await http.pipeline([execute('INSERT INTO t VALUES (100, 0)')]);
  assert.deepEqual(results[0].error, {
    message: 'UNIQUE constraint failed: t.a',
    code: 'SQLITE_CONSTRAINT',
    extended_code: 'SQLITE_CONSTRAINT_UNIQUE',
  });
});

test('the steps of a batch run when their conditions are met', async () => {
  const ok = (step: number) => ({ type: 'ok', step });
  const error = (step: number) => ({ type: 'error', step });
  const { results } = await http.pipeline([
    batch(
      ['SELECT 0'],
      ['SELECT nope'],
      ['SELECT 2', error(1)],
      ['SELECT 3', ok(1)],
      ['SELECT 4', error(3)],
      ['SELECT 5', { type: 'and', conds: [ok(0), { type: 'not', cond: ok(1) }] }],
      ['SELECT 6', { type: 'or', conds: [ok(1), error(0)] }],
      ['SELECT 7', { type: 'is_autocommit' }],
      ['BEGIN'],
      ['SELECT 9', { type: 'is_autocommit' }],
      ['ROLLBACK'],
    ),
  ]);
  const { step_results: done, step_errors: errors } = results[0].response.result;
  const ran = done.map((result: unknown, step: number) => (result === null ? undefined : step));
  assert.deepEqual(
    ran.filter((step: unknown) => step !== undefined),
    [0, 2, 4, 5, 7, 8, 10],
  );
  assert.deepEqual(errors.map((found: unknown) => found !== null).indexOf(true), 1);
  assert.equal(errors.length, done.length);
});

test('a batch that is a whole transaction tells what each of its steps did, also when one failed', async () => {
  const ok = (step: number) => ({ type: 'ok', step });
  const whole = (value: number) =>
    batch(
      ['BEGIN IMMEDIATE'],
      [`INSERT INTO t VALUES (${value}, 0)`, ok(0)],
      ['INSERT INTO t VALUES (200, 0)', ok(1)],
      ['COMMIT', ok(2)],
      ['ROLLBACK', { type: 'not', cond: ok(3) }],
    );
  const run = async (value: number) => {
    const { results } = await http.pipeline([whole(value)]);
    const { step_results: done, step_errors: errors } = results[0].response.result;
    return [
      done.map((result: unknown) => result !== null),
      errors.map((error: { code: string } | null) => error?.code),
    ];
  };
  const none = undefined;
  assert.deepEqual(await run(201), [
    [true, true, true, true, false],
    [none, none, none, none, none],
  ]);
  assert.deepEqual(await run(202), [
    [true, true, false, false, true],
    [none, none, 'SQLITE_CONSTRAINT', none, none],
  ]);
  assert.deepEqual((await http.execute('SELECT a FROM t WHERE a IN (201, 202)')).rows.length, 1);
});

test('a condition that looks ahead is refused with the whole request', async () => {
  const { status, body } = await http.send('POST', '/v3/pipeline', {
    requests: [batch(['SELECT 1', { type: 'ok', step: 0 }])],
  });
  assert.deepEqual([status, body.code], [400, 'PROTOCOL_ERROR']);
});

test('errors have the exact type application/json, a code, a message and the field error', async () => {
  const { status, headers, body } = await http.send('POST', '/v2/pipeline', '{"requests":');
  assert.equal(status, 400);
  assert.equal(headers.get('content-type'), 'application/json');
  assert.deepEqual(Object.keys(body).sort(), ['code', 'error', 'message']);
});

test('requests without a token, or with a wrong one, are refused', async () => {
  for (const authorization of ['', 'Bearer ', 'Bearer wrong', 'Basic YTpi']) {
    const { status, body } = await new RawHttp(hrana, { authorization }).send('POST', '/v2/pipeline', { requests: [] });
    assert.deepEqual([status, body.code], [401, 'UNAUTHENTICATED'], authorization);
  }
});

test('the database is that of the path, or of the header, or defaultdb; systemdb takes no SQL', async () => {
  const admin = await hrana.server.client();
  await admin.createDatabase({ database: 'other', role: '', replication: undefined, acks: undefined });
  const create = { requests: [execute('CREATE TABLE only_here (a)'), close] };
  assert.equal((await http.send('POST', '/other/v2/pipeline', create)).body.results[0].type, 'ok');
  const look = { requests: [execute('SELECT * FROM only_here'), close] };
  const namespaced = new RawHttp(hrana, { 'x-namespace': 'other' });
  const kinds = [
    (await http.send('POST', '/dev/other/v3/pipeline', look)).body.results[0].type,
    (await namespaced.send('POST', '/v2/pipeline', look)).body.results[0].type,
    (await http.send('POST', '/v2/pipeline', look)).body.results[0].type,
    (await namespaced.send('POST', '/defaultdb/v2/pipeline', look)).body.results[0].type,
  ];
  assert.deepEqual(kinds, ['ok', 'ok', 'error', 'error']);
  assert.equal((await http.send('POST', '/systemdb/v2/pipeline', look)).status, 403);
  for (const name of ['nowhere', 'No.Name']) {
    assert.equal((await http.send('POST', `/${name}/v2/pipeline`, look)).body.code, 'DATABASE_NOT_FOUND', name);
  }
});

test('probes are answered, protobuf is not spoken, and browsers may ask', async () => {
  const status = async (method: string, path: string) => (await http.send(method, path)).status;
  for (const path of ['/v1', '/v2', '/v3', '/other/v2', '/health', '/version']) {
    assert.equal(await status('GET', path), 200, path);
  }
  assert.equal(await status('GET', '/v3-protobuf'), 404);
  assert.equal((await http.send('POST', '/v3-protobuf/pipeline', {})).status >= 400, true);
  const { headers, status: preflight } = await http.send('OPTIONS', '/v2/pipeline');
  assert.equal(preflight, 200);
  for (const name of ['origin', 'headers', 'methods']) {
    assert.match(headers.get(`access-control-allow-${name}`) ?? '', /\*/);
  }
  const { headers: answered } = await http.send('POST', '/v2/pipeline', { requests: [] });
  assert.equal(answered.get('access-control-allow-origin'), '*');
});

test('describe tells parameters, columns, and what a statement does', async () => {
  const describe = async (sql: string) => (await http.pipeline([{ type: 'describe', sql }])).results[0].response.result;
  assert.deepEqual(await describe('SELECT a, b AS x, ?, :n, ?9 FROM t'), {
    params: [{ name: null }, { name: ':n' }, ...Array.from({ length: 6 }, () => ({ name: null })), { name: '?9' }],
    cols: ['a', 'x', '?', ':n', '?9']
      .map((name) => ({ name, decltype: name === 'a' ? '' : null }))
      .map((column) => ({ ...column, decltype: null })),
    is_explain: false,
    is_readonly: true,
  });
  const facts = async (sql: string) => {
    const { cols, is_explain: explains, is_readonly: reads } = await describe(sql);
    return [cols.length, explains, reads];
  };
  assert.deepEqual(await facts('INSERT INTO t VALUES (1, 2) RETURNING a'), [1, false, false]);
  assert.deepEqual(await facts('EXPLAIN SELECT 1'), [8, true, true]);
  assert.deepEqual(await facts('BEGIN'), [0, false, true]);
  assert.deepEqual(await facts('BEGIN IMMEDIATE'), [0, false, false]);
  const { results } = await http.pipeline([{ type: 'describe', sql: 'SELECT * FROM nowhere' }]);
  assert.equal(results[0].error.code, 'SQLITE_ERROR');
});

test('inside a transaction describe sees what the transaction has made', async () => {
  const { results } = await http.pipeline([
    begin,
    execute('CREATE TABLE made_here (a INT)'),
    { type: 'describe', sql: 'SELECT a FROM made_here' },
    execute('ROLLBACK'),
    close,
  ]);
  assert.deepEqual(results[2].response.result.cols, [{ name: 'a', decltype: 'INT' }]);
});

test('a sequence runs to its first error; comments alone are none', async () => {
  const sequence = async (sql: string) => (await http.pipeline([{ type: 'sequence', sql }])).results[0];
  assert.equal((await sequence(' -- nothing\n/* here */ ;')).type, 'ok');
  assert.equal(
    (await sequence('INSERT INTO t VALUES (301, 0); SELECT nope; INSERT INTO t VALUES (302, 0)')).type,
    'error',
  );
  assert.equal((await http.execute('SELECT a FROM t WHERE a IN (301, 302)')).rows.length, 1);
});

test('stored SQL lasts as long as its stream, and is replaced under the same number', async () => {
  const store = (id: number, sql: string) => ({ type: 'store_sql', sql_id: id, sql });
  const stored = (id: number) => ({ type: 'execute', stmt: { sql_id: id } });
  const first = await http.pipeline([store(0, 'SELECT 1'), store(0, 'SELECT 2'), stored(0)]);
  assert.equal(first.results[2].response.result.rows[0][0].value, '2');
  const second = await http.pipeline([stored(0), { type: 'close_sql', sql_id: 0 }, stored(0)], first.baton);
  assert.equal(second.results[0].type, 'ok');
  assert.equal(second.results[2].error.code, 'SQL_NOT_STORED');
  const many = await http.pipeline([0, 1, 2, 3].map((id) => store(id, 'SELECT 1')).concat([close as never]));
  assert.equal(many.results[3].error.code, 'SQL_STORE_TOO_MANY');
});

test('a stream that holds nothing gets no baton', async () => {
  const { baton } = await http.pipeline([execute('SELECT 1')]);
  assert.equal(baton, null);
});

test('an interactive transaction goes from baton to baton, and each is good once', async () => {
  const one = await http.pipeline([begin, execute('INSERT INTO t VALUES (401, 0)'), { type: 'get_autocommit' }]);
  assert.equal(one.results[2].response.is_autocommit, false);
  const two = await http.pipeline([execute('INSERT INTO t VALUES (402, 0)')], one.baton);
  const again = await http.send('POST', '/v3/pipeline', { baton: one.baton, requests: [execute('COMMIT')] });
  assert.deepEqual([again.status, again.body.code], [404, 'STREAM_EXPIRED']);
  const three = await http.pipeline([execute('COMMIT'), close], two.baton);
  assert.deepEqual([three.results[0].type, three.baton], ['ok', null]);
  assert.equal((await http.execute('SELECT a FROM t WHERE a IN (401, 402)')).rows.length, 2);
});

test('a baton is of no use on another database, and no baton at all is told apart', async () => {
  const { baton } = await http.pipeline([begin]);
  const elsewhere = await http.send('POST', '/other/v3/pipeline', { baton, requests: [execute('SELECT 1')] });
  assert.deepEqual([elsewhere.status, elsewhere.body.code], [404, 'STREAM_EXPIRED']);
  await http.pipeline([close], baton);
  const nonsense = await http.send('POST', '/v3/pipeline', { baton: 'x', requests: [] });
  assert.deepEqual([nonsense.status, nonsense.body.code], [400, 'PROTOCOL_ERROR']);
});

test('a baton is of no use to another user, nor to a token that may less', async () => {
  const { users } = await hrana.server.client();
  const password = 'a long password';
  await users.create({ user: 'ada', password, sysadmin: false, permissions: [{ permission: 'write', database: '*' }] });
  const withToken = async (user: string, ...scope: { permission: string; database: string }[]) =>
    new RawHttp(new HranaServer(hrana.server, (await users.createToken({ user, scope, ttlMs: 0 })).token));
  const statements = [execute('INSERT INTO t VALUES (411, 0)')];
  const { baton } = await http.pipeline([begin]);
  const refused = {
    'another user': await withToken('ada'),
    'a token that may only read': await withToken('admin', { permission: 'read', database: 'defaultdb' }),
    'a token that may write elsewhere': await withToken(
      'admin',
      { permission: 'read', database: 'defaultdb' },
      { permission: 'write', database: 'other' },
    ),
  };
  for (const [who, narrower] of Object.entries(refused)) {
    for (const path of ['/v3/pipeline', '/v3/cursor']) {
      const what = path.endsWith('cursor') ? { batch: { steps: [] } } : { requests: statements };
      const { status, body } = await narrower.send('POST', path, { baton, ...what });
      assert.deepEqual([status, body.code], [404, 'STREAM_EXPIRED'], `${who} at ${path}`);
    }
  }
  const elsewhere = await withToken('admin', { permission: 'write', database: 'other' });
  assert.equal((await elsewhere.send('POST', '/v3/pipeline', { baton, requests: statements })).status, 403);
  const equal = await withToken('admin', { permission: 'write', database: 'defaultdb' });
  const last = await equal.pipeline([...statements, execute('ROLLBACK'), close], baton);
  assert.deepEqual(
    last.results.map(({ type }: { type: string }) => type),
    ['ok', 'ok', 'ok'],
  );
});

test('a stream whose transaction was rolled back by the server answers nothing but errors until it is closed', async () => {
  const opened = await http.pipeline([begin, execute('INSERT INTO t VALUES (501, 0)')]);
  // The writer is free again when another transaction can begin.
  for (let free = false; !free; ) {
    const { results } = await http.pipeline([begin, close]);
    free = results[0].type === 'ok';
  }
  const late = await http.pipeline(
    [execute('INSERT INTO t VALUES (502, 0)'), execute('SELECT 1'), execute('COMMIT'), { type: 'get_autocommit' }],
    opened.baton,
  );
  assert.deepEqual(
    late.results.slice(0, 3).map((result: { error?: { code: string } }) => result.error?.code),
    ['TRANSACTION_TIMEOUT', 'TRANSACTION_TIMEOUT', 'TRANSACTION_TIMEOUT'],
  );
  assert.equal(late.results[3].response.is_autocommit, false);
  const later = await http.pipeline([execute('INSERT INTO t VALUES (503, 0)')], late.baton);
  assert.equal(later.results[0].error.code, 'TRANSACTION_TIMEOUT');
  const end = await http.pipeline([execute('ROLLBACK')], later.baton);
  assert.deepEqual([end.results[0].type, end.baton], ['ok', null]);
  assert.equal((await http.execute('SELECT a FROM t WHERE a BETWEEN 501 AND 503')).rows.length, 0);
});

test('a transaction that a statement has rolled back is lost as well', async () => {
  const { results } = await http.pipeline([
    begin,
    execute('INSERT INTO t VALUES (511, 0)'),
    execute('INSERT OR ROLLBACK INTO t VALUES (100, 0)'),
    execute('INSERT INTO t VALUES (512, 0)'),
    execute('COMMIT'),
    close,
  ]);
  assert.deepEqual(
    results.map((result: { error?: { code: string } }) => result.error?.code),
    [undefined, undefined, 'SQLITE_CONSTRAINT', 'TRANSACTION_CLOSED', 'TRANSACTION_CLOSED', undefined],
  );
  assert.equal((await http.execute('SELECT a FROM t WHERE a IN (511, 512)')).rows.length, 0);
});

test('an idle stream that holds something expires', async () => {
  const { baton } = await http.pipeline([{ type: 'store_sql', sql_id: 0, sql: 'SELECT 1' }]);
  assert.notEqual(baton, null);
  for (let kept = 1; kept > 0; ) {
    const { text } = await http.send('GET', '/metrics');
    kept = Number(/^quorate_hrana_http_streams (\d+)$/m.exec(text)?.[1]);
  }
  const { status, body } = await http.send('POST', '/v3/pipeline', { baton, requests: [] });
  assert.deepEqual([status, body.code], [404, 'STREAM_EXPIRED']);
});

test('whoever waits for the writer too long is told that it is busy', async () => {
  const holder = await http.pipeline([begin]);
  const { results } = await http.pipeline([begin, close]);
  assert.equal(results[0].error.code, 'SQLITE_BUSY');
  await http.pipeline([close], holder.baton);
});

test('a savepoint outside of a transaction begins one, and its release commits', async () => {
  const one = await http.pipeline([
    execute('SAVEPOINT a'),
    execute('INSERT INTO t VALUES (601, 0)'),
    execute('SAVEPOINT b'),
    execute('INSERT INTO t VALUES (602, 0)'),
    execute('ROLLBACK TO b'),
    execute('RELEASE b'),
    { type: 'get_autocommit' },
  ]);
  assert.equal(one.results[6].response.is_autocommit, false);
  const two = await http.pipeline([execute('RELEASE A'), { type: 'get_autocommit' }, close], one.baton);
  assert.equal(two.results[1].response.is_autocommit, true);
  assert.equal((await http.execute('SELECT a FROM t WHERE a IN (601, 602)')).rows.length, 1);
});

test('words of transactions in the wrong place are errors as SQLite has them', async () => {
  const { results } = await http.pipeline([
    execute('COMMIT'),
    execute('ROLLBACK'),
    execute('BEGIN'),
    execute('BEGIN'),
    execute('END TRANSACTION'),
    execute('RELEASE x'),
    close,
  ]);
  const codes = results.map((result: { error?: { code: string } }) => result.error?.code ?? 'ok');
  const sql = 'SQLITE_ERROR';
  assert.deepEqual(codes, [sql, sql, 'ok', sql, 'ok', sql, 'ok']);
});

test('a result tells its position, and a request may wait for one, not for ever', async () => {
  const { replication_index: index } = await http.execute('INSERT INTO t VALUES (701, 0)');
  assert.match(index, /^\d+$/);
  const at = async (position: string) =>
    (await http.pipeline([{ type: 'execute', stmt: { sql: 'SELECT 1', replication_index: position } }])).results[0];
  assert.equal((await at(index)).response.result.replication_index, index);
  assert.equal((await at(String(Number(index) + 1000))).error.code, 'WAIT_TIMEOUT');
});

test('the calls of version 1 run one statement or batch, and errors are HTTP errors', async () => {
  const one = await http.send('POST', '/v1/execute', { stmt: { sql: 'SELECT 7' } });
  assert.equal(one.body.result.rows[0][0].value, '7');
  const bad = await http.send('POST', '/v1/execute', { stmt: { sql: 'SELECT nope' } });
  assert.deepEqual([bad.status, bad.body.code], [400, 'SQLITE_ERROR']);
  const many = await http.send('POST', '/v1/batch', { batch: { steps: [{ stmt: { sql: 'SELECT 8' } }] } });
  assert.equal(many.body.result.step_results[0].rows[0][0].value, '8');
});

test('a list of statements from before Hrana is one transaction', async () => {
  const post = (statements: readonly unknown[]) => http.send('POST', '/', { statements });
  const both = await post([
    { q: 'INSERT INTO t VALUES (?, :b)', params: [801, 'x'] },
    { q: 'SELECT a, b FROM t WHERE a = :a', params: { a: 801 } },
    'SELECT 1.5, NULL',
  ]);
  assert.deepEqual(
    both.body.map((entry: { results: { rows: unknown } }) => entry.results.rows),
    [[], [[801, 'x']], [[1.5, null]]],
  );
  assert.equal(both.body[0].results.rows_written, 1);
  const bad = await post(['INSERT INTO t VALUES (802, 0)', 'SELECT nope']);
  assert.deepEqual([bad.status, bad.body.error], [400, 'no such column: nope']);
  assert.equal((await post(['BEGIN'])).body.code, 'UNSUPPORTED_STATEMENT');
  assert.equal((await http.execute('SELECT a FROM t WHERE a = 802')).rows.length, 0);
});

test('a cursor gives its entries as lines', async () => {
  const { text } = await http.send('POST', '/v3/cursor', {
    batch: {
      steps: [
        { stmt: { sql: 'SELECT 1 AS x UNION SELECT 2' } },
        { stmt: { sql: 'SELECT nope' } },
        { stmt: { sql: 'SELECT 3' }, condition: { type: 'ok', step: 1 } },
      ],
    },
  });
  assert.ok(text.endsWith('\n'));
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(lines, [
    { baton: null, base_url: null },
    { type: 'step_begin', step: 0, cols: [{ name: 'x', decltype: null }] },
    { type: 'row', row: [{ type: 'integer', value: '1' }] },
    { type: 'row', row: [{ type: 'integer', value: '2' }] },
    { type: 'step_end', affected_row_count: 0, last_insert_rowid: null },
    { type: 'step_error', step: 1, error: { message: 'no such column: nope', code: 'SQLITE_ERROR' } },
  ]);
});

test('the baton of a cursor is good for the transaction that it began', async () => {
  const { text } = await http.send('POST', '/v3/cursor', {
    batch: { steps: [{ stmt: { sql: 'BEGIN IMMEDIATE' } }, { stmt: { sql: 'INSERT INTO t VALUES (901, 0)' } }] },
  });
  const { baton } = JSON.parse(text.split('\n')[0] ?? '');
  const { results } = await http.pipeline([execute('COMMIT'), close], baton);
  assert.equal(results[0].type, 'ok');
  assert.equal((await http.execute('SELECT a FROM t WHERE a = 901')).rows.length, 1);
});

test('every limit has a clear code', async () => {
  const code = async (requests: readonly object[]) => {
    const { status, body } = await http.send('POST', '/v3/pipeline', { requests });
    return [status, body.code ?? body.results[0].error?.code];
  };
  assert.deepEqual(await code([execute(`SELECT '${'x'.repeat(200_000)}'`)]), [413, 'MESSAGE_TOO_LARGE']);
  assert.deepEqual(await code([execute(`SELECT '${'x'.repeat(30_000)}'`)]), [200, 'MESSAGE_TOO_LARGE']);
  const rows = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) SELECT i FROM n';
  assert.deepEqual(await code([execute(rows)]), [200, 'RESULT_TOO_LARGE']);
  assert.deepEqual(await code(Array.from({ length: 21 }, () => execute('SELECT 1'))), [413, 'MESSAGE_TOO_LARGE']);
  const steps = Array.from({ length: 21 }, (): [string] => ['SELECT 1']);
  assert.deepEqual(await code([batch(...steps)]), [413, 'MESSAGE_TOO_LARGE']);
  const { status, body } = await http.send('POST', '/', { statements: steps.flat() });
  assert.deepEqual([status, body.code], [413, 'MESSAGE_TOO_LARGE']);
  const long = { type: 'store_sql', sql_id: 0, sql: `SELECT '${'x'.repeat(10_240)}'` };
  assert.deepEqual(await code([long, close]), [200, 'SQL_STORE_TOO_LARGE']);
  assert.deepEqual(await code([{ type: 'sequence', sql: 'SELECT 1;'.repeat(21) }]), [200, 'MESSAGE_TOO_LARGE']);
  const deep = Array.from({ length: 100 }).reduce<object>((cond) => ({ type: 'not', cond }), { type: 'is_autocommit' });
  assert.deepEqual(await code([batch(['SELECT 1', deep])]), [400, 'PROTOCOL_ERROR']);
});

test('no more requests run at once than the option says', async () => {
  const { baton } = await http.pipeline([begin]);
  const answers = await Promise.all(
    Array.from({ length: 21 }, () => http.send('POST', '/v3/pipeline', { requests: [begin, close] })),
  );
  const codes = answers.map(({ body }) => body.code ?? body.results[0].error.code).sort();
  assert.deepEqual(codes, ['OVERLOADED', ...Array.from({ length: 20 }, () => 'SQLITE_BUSY')]);
  await http.pipeline([close], baton);
});

test('no more streams are kept than the option says, and those that end with their request go on', async () => {
  const store = { type: 'store_sql', sql_id: 0, sql: 'SELECT 1' };
  const batons = [(await http.pipeline([store])).baton, (await http.pipeline([store])).baton];
  const refused = await http.send('POST', '/v3/pipeline', { requests: [store] });
  assert.deepEqual([refused.status, refused.body.code], [503, 'OVERLOADED']);
  assert.equal((await http.pipeline([execute('SELECT 1'), close])).results[0].type, 'ok');
  for (const baton of batons) {
    await http.pipeline([close], baton);
  }
});
