import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReadConnection } from './read-connection.ts';
import { ReplicatedPair } from './testing/replicated-pair.ts';

function opened(): { pair: ReplicatedPair; reader: ReadConnection } & Disposable {
  const pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b)', "INSERT INTO t VALUES (1, 'x', 1.5), (2, 'y', x'00')");
  const reader = ReadConnection.open(pair.primaryFile);
  return {
    pair,
    reader,
    [Symbol.dispose]() {
      reader.close();
      pair[Symbol.dispose]();
    },
  };
}

test('whatever would write is refused, and nothing is written', () => {
  using open = opened();
  const writes = [
    'INSERT INTO t VALUES (3, 4, 5)',
    'DELETE FROM t',
    'UPDATE t SET a = 1 RETURNING *',
    'WITH x AS (SELECT 1) DELETE FROM t',
    'CREATE TABLE u (a)',
    'CREATE TEMP TABLE u (a)',
    'DROP TABLE t',
    'ANALYZE',
    'VACUUM',
    "VACUUM INTO 'copy'",
    "ATTACH 'x' AS y",
    'BEGIN',
    'SAVEPOINT s',
    'PRAGMA user_version = 5',
    'PRAGMA query_only = ON',
    'PRAGMA journal_mode = DELETE',
    'PRAGMA optimize',
    'PRAGMA cache_size = 5',
    'PRAGMA wal_checkpoint',
    'EXPLAIN PRAGMA cache_size = 5',
  ];
  for (const sql of writes) {
    assert.throws(() => open.reader.query({ sql }), { code: 'READ_ONLY_QUERY' }, sql);
    assert.throws(() => open.reader.all(sql), { code: 'READ_ONLY_QUERY' }, sql);
  }
  assert.equal(open.reader.all('SELECT * FROM t').length, 2);
});

test('pragmas that only read are answered', () => {
  using open = opened();
  assert.deepEqual(open.reader.query({ sql: 'PRAGMA user_version' }).rows, [[0]]);
  assert.equal(open.reader.query({ sql: 'PRAGMA table_info(t)' }).rows.length, 3);
  assert.deepEqual(open.reader.query({ sql: 'PRAGMA quick_check' }).rows, [['ok']]);
});

test('rows come as arrays with names and declared types, or as objects', () => {
  using open = opened();
  const result = open.reader.query({
    sql: 'SELECT id, a, b, id + 1 AS next FROM t WHERE id = :id',
    parameters: { id: 1 },
  });
  assert.deepEqual(result.columns, ['id', 'a', 'b', 'next']);
  assert.deepEqual(result.columnTypes, ['INTEGER', 'TEXT', null, null]);
  assert.deepEqual(result.rows, [[1, 'x', 1.5, 2]]);
  assert.deepEqual({ ...open.reader.get('SELECT id, a FROM t WHERE id = ?', [2]) }, { id: 2, a: 'y' });
  assert.equal(open.reader.get('SELECT id FROM t WHERE id = ?', [9]), undefined);
  assert.deepEqual([...open.reader.iterate({ sql: 'SELECT id FROM t' })], [[1], [2]]);
});

test('integers beyond 2^53 need the bigint option, in every form', () => {
  using open = opened();
  const sql = 'SELECT 9007199254740993 AS big, 1 AS small';
  assert.throws(() => open.reader.query({ sql }), { code: 'INTEGER_OUT_OF_RANGE', hint: /bigint/ });
  assert.throws(() => open.reader.all(sql), { code: 'INTEGER_OUT_OF_RANGE' });
  assert.deepEqual(open.reader.query({ sql }, { bigint: true }).rows, [[9007199254740993n, 1n]]);
  assert.deepEqual({ ...open.reader.get(sql, [], true) }, { big: 9007199254740993n, small: 1n });
  assert.deepEqual(open.reader.query({ sql: 'SELECT 1' }).rows, [[1]]);
});

test('a result beyond its limits is refused and the connection can be used again', () => {
  using open = opened();
  const sql = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, hex(zeroblob(50)) FROM n';
  assert.throws(() => open.reader.query({ sql }, { maxRows: 100 }), { code: 'RESULT_TOO_LARGE', message: /100 rows/ });
  assert.throws(() => open.reader.query({ sql }, { maxBytes: 10_000 }), { code: 'RESULT_TOO_LARGE', message: /bytes/ });
  assert.equal(open.reader.query({ sql: `${sql} LIMIT 100` }, { maxRows: 100 }).rows.length, 100);
  assert.equal(open.reader.readPosition().txId, 0);
});

test('a cached query follows a schema change of the writer', () => {
  using open = opened();
  const sql = 'SELECT * FROM t WHERE id = 1';
  assert.deepEqual(open.reader.query({ sql }).columns, ['id', 'a', 'b']);
  open.pair.run('ALTER TABLE t RENAME COLUMN a TO renamed', 'ALTER TABLE t ADD COLUMN c DEFAULT 7');
  const result = open.reader.query({ sql });
  assert.deepEqual(result.columns, ['id', 'renamed', 'b', 'c']);
  assert.deepEqual(result.rows, [[1, 'x', 1.5, 7]]);
  assert.deepEqual({ ...open.reader.get(sql) }, { id: 1, renamed: 'x', b: 1.5, c: 7 });
});

test('a snapshot sees one moment while others write, and ends', () => {
  using open = opened();
  const count = () => open.reader.get('SELECT count(*) AS n FROM t')?.n;
  const seen = open.reader.snapshot(() => {
    const before = count();
    open.pair.run("INSERT INTO t (a) VALUES ('new')");
    return [before, count()];
  });
  assert.deepEqual(seen, [2, 2]);
  assert.equal(count(), 3);
  assert.throws(() => open.reader.snapshot(() => open.reader.all('SELECT * FROM nowhere')), { code: 'SQL_ERROR' });
  open.pair.run("INSERT INTO t (a) VALUES ('newer')");
  assert.equal(count(), 4);
});

test('a reader sees committed transactions only', () => {
  using open = opened();
  const { primary } = open.pair;
  const count = () => open.reader.get('SELECT count(*) AS n FROM t')?.n;
  primary.begin();
  primary.beginClient();
  primary.run({ sql: 'INSERT INTO t (a) VALUES (1)' });
  const captured = primary.endClient();
  assert.equal(count(), 2);
  primary.commit();
  assert.equal(count(), 3);
  open.pair.apply(captured);
});

test('an iteration is not disturbed by the same query in another form, nested in it', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (id INTEGER PRIMARY KEY)', 'INSERT INTO t VALUES (1), (2), (3)');
  using reader = ReadConnection.open(pair.primaryFile, { maxCachedStatements: 1 });
  const sql = 'SELECT id FROM t';
  const seen: unknown[] = [];
  for (const row of reader.iterateObjects(sql)) {
    seen.push(row.id, reader.all(sql).length, [...reader.iterate({ sql })].length, reader.get('SELECT 1 AS one')?.one);
  }
  assert.deepEqual(seen, [1, 3, 3, 1, 2, 3, 3, 1, 3, 3, 3, 1]);
  for (const row of reader.iterate({ sql })) {
    assert.deepEqual(row, [1]);
    break;
  }
  assert.equal(reader.all(sql).length, 3);
});

test('a cache that holds few statements still answers all of them', () => {
  using pair = new ReplicatedPair();
  using reader = ReadConnection.open(pair.primaryFile, { maxCachedStatements: 3 });
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 10; i++) {
      assert.deepEqual(reader.query({ sql: `SELECT ${i}, ?`, parameters: [round] }).rows, [[i, round]]);
    }
  }
});

test('a missing file and a file that is no database are named as what they are', () => {
  using pair = new ReplicatedPair();
  assert.throws(() => ReadConnection.open(`${pair.directory}/missing.sqlite`), { code: 'IO_ERROR' });
});
