import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isQuorateError } from '../errors/interface.ts';
import { ReplicatedPair } from './testing/replicated-pair.ts';

const refused = [
  'VACUUM',
  '/* x */ vacuum',
  "VACUUM INTO 'file'",
  "ATTACH 'other.db' AS other",
  'DETACH main',
  "SELECT load_extension('x')",
  'PRAGMA foreign_keys = OFF',
  'EXPLAIN PRAGMA foreign_keys = OFF',
  'PRAGMA journal_mode = DELETE',
  'PRAGMA synchronous = OFF',
  'PRAGMA writable_schema = ON',
  'PRAGMA main.writable_schema(1)',
  'PRAGMA recursive_triggers = ON',
  'PRAGMA schema_version = 7',
  'PRAGMA wal_checkpoint',
  'PRAGMA locking_mode = EXCLUSIVE',
  'PRAGMA temp_store_directory = "x"',
  'PRAGMA no_such_pragma',
  'CREATE TABLE _quorate_mine (a)',
  'CREATE TABLE _QUORATE_mine (a)',
  'ALTER TABLE t RENAME TO _quorate_t',
  'CREATE VIEW _quorate_v AS SELECT 1',
  'CREATE INDEX _quorate_i ON t (a)',
  'CREATE VIRTUAL TABLE _quorate_f USING fts5(a)',
  'UPDATE _quorate_state SET tx_id = 9',
  'SELECT * FROM _quorate_key',
  'SELECT count(*) FROM _QUORATE_state',
  'SELECT (SELECT tx_id FROM _quorate_state) + 1',
  'INSERT INTO t SELECT key FROM _quorate_key',
  'DELETE FROM _quorate_trigger',
  'DROP TABLE _quorate_state',
  'CREATE TRIGGER sly AFTER INSERT ON t BEGIN DELETE FROM _quorate_state; END',
  'CREATE TRIGGER g AFTER INSERT ON _quorate_state BEGIN SELECT 1; END',
  'DROP TRIGGER temp._quorate_0_insert',
  'SELECT _quorate_capture(0.0, 1.0, 5)',
  'SELECT _quorate_capture_raw(0.0, 1.0, 5)',
  'SELECT _quorate_capture_part(0.0, 5)',
  'SELECT _quorate_capture_parts(0.0, 1.0, 0)',
  'CREATE TEMP TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END',
  'CREATE VIRTUAL TABLE v USING dbstat',
  "CREATE VIRTUAL TABLE v USING csv(filename = 'x')",
  'CREATE VIRTUAL TABLE temp.v USING fts5(a)',
  'CREATE TABLE g (a REFERENCES _quorate_state (tx_id))',
  "CREATE TABLE g (a REFERENCES '_quorate_key')",
  'ALTER TABLE t ADD COLUMN b REFERENCES "_quorate_key" (at_ms)',
  'CREATE TABLE g (a DEFAULT (_quorate_capture(0.0, 1.0, 5)))',
  'CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT "_quorate_capture"(0.0, 1.0, 5); END',
  "CREATE VIRTUAL TABLE v USING fts5(tx_id, content = '_quorate_state')",
  'CREATE VIRTUAL TABLE v USING fts4(key, content="_Quorate_key")',
  'INSERT INTO t WITH _quorate_x AS (SELECT tx_id FROM _quorate_state) SELECT * FROM _quorate_x',
  "INSERT INTO t WITH '_quorate_x' AS (SELECT key FROM _quorate_key) SELECT * FROM '_quorate_x'",
  'INSERT INTO t WITH [_quorate_x] AS (SELECT _quorate_capture(0.0, 1.0, 5)) SELECT * FROM [_quorate_x]',
  'SAVEPOINT _quorate_statement',
];

for (const sql of refused) {
  test(`refused with a remedy: ${sql}`, () => {
    using pair = new ReplicatedPair();
    pair.run('CREATE TABLE t (a)');
    assert.throws(
      () => pair.run(sql, 'INSERT INTO t VALUES (1)'),
      (error) => isQuorateError(error) && error.code === 'UNSUPPORTED_STATEMENT' && (error.hint?.length ?? 0) > 0,
    );
    pair.run('INSERT INTO t VALUES (2)');
    pair.assertEqual();
    const [row] = pair.queryPrimary('PRAGMA foreign_keys');
    assert.deepEqual(row, { foreign_keys: 1 });
  });
}

const allowed = [
  'PRAGMA foreign_keys = ON',
  'PRAGMA foreign_keys',
  'PRAGMA journal_mode = WAL',
  'PRAGMA table_info(t)',
  "SELECT * FROM pragma_table_info('t')",
  'PRAGMA integrity_check',
  'EXPLAIN DELETE FROM t',
  'EXPLAIN QUERY PLAN SELECT * FROM t',
  "SELECT json_extract('{\"a\":1}', '$.a'), replace('a', 'b', 'c')",
  'SELECT * FROM sqlite_schema; -- with a comment',
  'WITH x AS (SELECT 1) SELECT * FROM x;',
];

for (const sql of allowed) {
  test(`allowed, and no record: ${sql}`, () => {
    using pair = new ReplicatedPair();
    pair.run('CREATE TABLE t (a)', 'INSERT INTO t VALUES (1)');
    assert.equal(pair.capture(sql).captured.operations.length, 0);
    assert.equal(pair.queryPrimary('SELECT count(*) AS n FROM t')[0]?.n, 1);
  });
}

test('data and names that only look like those of Quorate are not refused', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE my_quorate_table (a)');
  pair.run("INSERT INTO my_quorate_table VALUES ('_quorate_state is a table'), ('_quorate_%')");
  pair.run(['INSERT INTO my_quorate_table VALUES (?)', ['_quorate_key']]);
  pair.assertEqual();
});

const onShadowTables = [
  'DELETE FROM "a""b_content"',
  "UPDATE 'docs_config' SET v = 1",
  'DROP TABLE docs_content',
  'ALTER TABLE docs_content RENAME TO x',
  'ALTER TABLE docs_content ADD COLUMN x',
  'CREATE INDEX i ON docs_content (c0)',
  // With this in its schema, no connection in SQLite's defensive mode could open the database any more.
  'CREATE TRIGGER g AFTER INSERT ON docs_content BEGIN SELECT 1; END',
];

for (const sql of onShadowTables) {
  test(`refused, since the table belongs to a virtual table: ${sql}`, () => {
    using pair = new ReplicatedPair();
    pair.run('CREATE VIRTUAL TABLE docs USING fts5(a)', 'CREATE VIRTUAL TABLE "a""b" USING fts5(a)');
    pair.run("INSERT INTO docs VALUES ('x')", `INSERT INTO "a""b" VALUES ('x')`);
    assert.throws(() => pair.run(sql), { code: 'UNSUPPORTED_STATEMENT' });
    pair.run("INSERT INTO docs VALUES ('y')");
    pair.assertEqual();
  });
}

test('neither a trigger nor a view reaches the tables behind a virtual table', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a)', 'CREATE VIEW v AS SELECT a FROM t', 'CREATE VIRTUAL TABLE docs USING fts5(a)');
  pair.run("INSERT INTO docs VALUES ('x')");
  pair.run('CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM docs_content; END');
  pair.run('CREATE TRIGGER h INSTEAD OF INSERT ON v BEGIN DELETE FROM docs_data; END');
  for (const table of ['t', 'v']) {
    assert.throws(() => pair.run(`INSERT INTO ${table} VALUES (1)`), { code: 'UNSUPPORTED_STATEMENT' }, table);
  }
  pair.run('DROP TRIGGER g', 'INSERT INTO t VALUES (1)');
  pair.assertEqual();
});

test('a trigger that writes to an internal table is refused when it would fire, if not before', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a)', 'CREATE TABLE u (a)');
  assert.throws(
    () => {
      pair.run('CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE _quorate_state SET tx_id = 99; END');
      pair.run('INSERT INTO t VALUES (1)');
    },
    { code: 'UNSUPPORTED_STATEMENT' },
  );
  assert.equal(pair.primary.readPosition().txId, 0);
});

test('nothing, NUL characters and several statements at once are refused', () => {
  using pair = new ReplicatedPair();
  for (const sql of [
    '',
    ' ;; ',
    '-- comment',
    'SELECT 1; SELECT 2',
    'SELECT 1\0',
    'CREATE TABLE a (b); DROP TABLE a',
  ]) {
    assert.throws(() => pair.run(sql), { code: 'INVALID_ARGUMENT' }, JSON.stringify(sql));
  }
});

test('parameters must fit the statement in number, name and type', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a, b)');
  const two = 'INSERT INTO t VALUES (?, ?)';
  for (const values of [
    [],
    [1],
    [1, 2, 3],
    [1, undefined],
    [1, true],
    [1, new Date(0)],
    [1, {}],
    [1, 2n ** 63n],
    { a: 1 },
  ]) {
    assert.throws(() => pair.run([two, values as never]), { code: 'INVALID_ARGUMENT' }, JSON.stringify(values, String));
  }
  const named = 'INSERT INTO t VALUES (:a, $b)';
  for (const values of [{ a: 1 }, { a: 1, b: 2, c: 3 }, { a: 1, b: undefined }, [1]]) {
    assert.throws(() => pair.run([named, values as never]), { code: 'INVALID_ARGUMENT' }, JSON.stringify(values));
  }
  assert.throws(() => pair.run(two), { code: 'INVALID_ARGUMENT' });
  pair.run([named, { a: 1, $b: 2 }], [named, [3, 4]], ['INSERT INTO t VALUES (?2, ?1)', [6, 5]], [two, [7, 8]]);
  pair.run(['INSERT INTO t SELECT @x, @x + :y', { '@x': 9, y: 1 }], ['INSERT INTO t VALUES (:x, ?)', [11, 12]]);
  const rows = pair.queryReplica('SELECT a, b FROM t').map(({ a, b }) => [a, b]);
  assert.deepEqual(rows, [
    [1, 2],
    [3, 4],
    [5, 6],
    [7, 8],
    [9, 10],
    [11, 12],
  ]);
});

test('a number that is an integer is stored as INTEGER, every other as REAL', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a)', ['INSERT INTO t VALUES (?), (?), (?), (?), (?)', [5, -0, 2 ** 53, 1.5, Number.NaN]]);
  const types = pair.queryReplica('SELECT typeof(a) AS type FROM t').map((row) => row.type);
  assert.deepEqual(types, ['integer', 'real', 'real', 'real', 'null']);
});

test('what SQLite refuses keeps its message and number', () => {
  using pair = new ReplicatedPair();
  assert.throws(() => pair.run('SELEC 1'), { code: 'SQL_ERROR', message: /syntax error/ });
  assert.throws(() => pair.run('SELECT * FROM nowhere'), { code: 'SQL_ERROR', message: /no such table: nowhere/ });
  pair.run('CREATE TABLE t (a NOT NULL CHECK (a > 0))');
  for (const [value, sqliteCode] of [
    ['NULL', 'SQLITE_CONSTRAINT_NOTNULL'],
    ['0', 'SQLITE_CONSTRAINT_CHECK'],
  ]) {
    assert.throws(
      () => pair.run(`INSERT INTO t VALUES (${value})`),
      (error) =>
        isQuorateError(error) && error.code === 'CONSTRAINT_VIOLATION' && error.details?.sqliteCode === sqliteCode,
    );
  }
});
