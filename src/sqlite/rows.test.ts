import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ReplicatedPair } from './testing/replicated-pair.ts';
import type { SqlValue } from './types.ts';

/** Rows with their values as SQL literals, so that types and bytes show. */
const quoted = (table: string) =>
  `SELECT rowid, quote(a) AS a, typeof(a) AS type, hex(a) AS bytes FROM ${table} ORDER BY 1`;

test('a table without a primary key is replicated with its rowids, NULLs and duplicates', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a, b TEXT)', "INSERT INTO t VALUES (1, 'x'), (1, 'x'), (NULL, NULL)");
  pair.run(
    'DELETE FROM t WHERE rowid = 1',
    'INSERT INTO t (rowid, a) VALUES (50, 7)',
    "UPDATE t SET b = 'y' WHERE a IS NULL",
  );
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT rowid, a, b FROM t'), [
    { rowid: 2, a: 1, b: 'x' },
    { rowid: 3, a: null, b: 'y' },
    { rowid: 50, a: 7, b: null },
  ]);
});

test('rows are identified through whatever name of the rowid no column has taken', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (rowid TEXT, _rowid_ TEXT)', "INSERT INTO t VALUES ('a', 'b'), ('c', 'd')");
  pair.run("UPDATE t SET rowid = 'z' WHERE _rowid_ = 'd'", "DELETE FROM t WHERE rowid = 'a'");
  pair.assertEqual();
  assert.throws(() => pair.run('CREATE TABLE u (rowid, _rowid_, oid)'), { code: 'UNSUPPORTED_STATEMENT' });
  pair.run('CREATE TABLE u (rowid, _rowid_, oid INTEGER PRIMARY KEY)', 'INSERT INTO u VALUES (1, 2, 3)');
  pair.assertEqual();
});

test('keys that are NULL, NOCASE or without a type are replicated, also where they are the identity', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE TABLE n (k TEXT PRIMARY KEY, v)',
    'CREATE TABLE c (k TEXT COLLATE NOCASE PRIMARY KEY, v) WITHOUT ROWID',
    'CREATE TABLE u (k PRIMARY KEY, v) WITHOUT ROWID',
    'CREATE TABLE d (k INTEGER PRIMARY KEY DESC, v)',
  );
  pair.run(
    "INSERT INTO n VALUES (NULL, 1), (NULL, 2), ('a', 3)",
    "INSERT INTO c VALUES ('Key', 1), ('other', 2)",
    "INSERT INTO u VALUES (1, 'int'), ('1', 'text'), (x'31', 'blob'), (1.5, 'real')",
    "INSERT INTO d VALUES (NULL, 'no rowid alias'), (5, 'five')",
  );
  pair.run(
    'UPDATE n SET v = v * 10 WHERE k IS NULL',
    "UPDATE c SET k = 'KEY' WHERE k = 'key'",
    'UPDATE u SET k = 2.0 WHERE k = 1',
    "DELETE FROM u WHERE k = '1'",
    'DELETE FROM n WHERE v = 10',
    'UPDATE d SET k = k + 1',
  );
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT k FROM c ORDER BY k'), [{ k: 'KEY' }, { k: 'other' }]);
});

test('a change of a key alone, of a part of a key and of the rowid itself is replicated', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (id INTEGER PRIMARY KEY, v)', 'CREATE TABLE w (a, b, v, PRIMARY KEY (a, b)) WITHOUT ROWID');
  pair.run("INSERT INTO t VALUES (1, 'x'), (2, 'y')", 'INSERT INTO w VALUES (1, 1, 5), (1, 2, 6)');
  pair.run('UPDATE t SET id = id + 100', 'UPDATE w SET b = b + 10', 'UPDATE w SET a = 2, v = 0 WHERE b = 11');
  pair.run('UPDATE t SET rowid = -1 WHERE id = 101');
  pair.assertEqual();
});

test('a UNIQUE swap and a shift of 16,000 rows replay in seconds', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (id INTEGER PRIMARY KEY, position INTEGER UNIQUE, name TEXT UNIQUE)');
  pair.run(
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 16000)
     INSERT INTO t SELECT i, i, 'n' || i FROM n`,
  );
  pair.run(
    'UPDATE t SET position = -1 WHERE id = 1',
    'UPDATE t SET position = 1 WHERE id = 2',
    'UPDATE t SET position = 2 WHERE id = 1',
  );
  const started = performance.now();
  pair.run('UPDATE t SET position = -position', 'UPDATE t SET position = 1 - position', 'UPDATE t SET id = id + 20000');
  assert.ok(performance.now() - started < 10_000);
  pair.assertEqual();
});

test('REPLACE takes the same rows away on the replica, whichever constraint they clash with', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE TABLE t (id INTEGER PRIMARY KEY, u UNIQUE, v)',
    'CREATE TABLE w (k TEXT PRIMARY KEY, u UNIQUE) WITHOUT ROWID',
    'CREATE TABLE n (u UNIQUE, w UNIQUE)',
    'CREATE TABLE c (id INTEGER PRIMARY KEY, u UNIQUE ON CONFLICT REPLACE)',
  );
  pair.run("INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)", "INSERT INTO w VALUES ('x', 1), ('y', 2)");
  pair.run('INSERT INTO n VALUES (1, 1), (2, 2), (3, 3)', 'INSERT INTO c VALUES (1, 1), (2, 2)');
  pair.run("REPLACE INTO t VALUES (1, 'b', 9)", "UPDATE OR REPLACE w SET u = 2 WHERE k = 'x'");
  pair.run('INSERT OR REPLACE INTO n VALUES (1, 3)', 'INSERT INTO c (u) VALUES (1)', 'UPDATE c SET u = 2 WHERE u = 1');
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT id FROM t'), [{ id: 1 }, { id: 3 }]);
});

test('a trigger that replaces rows is followed too', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE TABLE t (a)',
    'CREATE TABLE latest (id INTEGER PRIMARY KEY, u UNIQUE)',
    'CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT OR REPLACE INTO latest (u) VALUES (new.a % 2); END',
  );
  pair.run('INSERT INTO t VALUES (1), (2), (3), (4)');
  pair.assertEqual();
});

test('upserts, RETURNING, UPDATE FROM and INSERT SELECT are replicated and answered', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n INTEGER DEFAULT 0)');
  const inserted = pair.run("INSERT INTO t (name) VALUES ('a'), ('b') RETURNING id, name");
  assert.deepEqual(inserted.rows, [
    [1, 'a'],
    [2, 'b'],
  ]);
  assert.deepEqual(
    [inserted.columns, inserted.columnTypes],
    [
      ['id', 'name'],
      ['INTEGER', 'TEXT'],
    ],
  );
  assert.equal(inserted.changes, 2);
  assert.equal(inserted.lastInsertRowid, 2n);
  pair.run("INSERT INTO t (name) VALUES ('a'), ('c') ON CONFLICT (name) DO UPDATE SET n = n + 1");
  pair.run('UPDATE t SET n = s.total FROM (SELECT sum(n) AS total FROM t) AS s WHERE t.id > 1');
  const copied = pair.run("INSERT INTO t (name, n) SELECT name || '2', n FROM t");
  assert.equal(copied.changes, 3);
  pair.assertEqual();
});

test('WITHOUT ROWID, STRICT and generated columns are replicated', () => {
  using pair = new ReplicatedPair();
  pair.run(
    `CREATE TABLE s (id INTEGER PRIMARY KEY, i INT, r REAL, t TEXT, b BLOB, a ANY,
       doubled INT GENERATED ALWAYS AS (i * 2) STORED, shown TEXT AS (t || '!') VIRTUAL) STRICT`,
    'CREATE INDEX s_shown ON s (shown)',
    'CREATE TABLE g (k TEXT, up AS (upper(k)) STORED, v, PRIMARY KEY (v, k)) WITHOUT ROWID',
  );
  pair.run("INSERT INTO s (i, r, t, b, a) VALUES (1, 2, 'x', x'00', 3), (NULL, 1.5, NULL, NULL, '3')");
  pair.run("INSERT INTO g (k, v) VALUES ('a', 1), ('b', 'z')");
  pair.run("UPDATE s SET i = 21, t = 'z' WHERE id = 1", "UPDATE g SET k = 'c' WHERE k = 'a'");
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT doubled, shown FROM s WHERE id = 1'), [{ doubled: 42, shown: 'z!' }]);
});

test('every value survives byte for byte in columns of every affinity', () => {
  const odd = [
    "'a' || char(0) || 'b'",
    'char(0)',
    "CAST(x'ff' AS TEXT)",
    "CAST(x'c3' AS TEXT)",
    "CAST(x'eda080' AS TEXT)",
    "CAST(x'efbbbf61' AS TEXT)",
    'char(65533)',
    "''",
    "x''",
    'NULL',
    '-0.0',
    '9e999',
    '-9e999',
    '9e999 - 9e999',
    '5e-324',
    '9223372036854775807',
    '-9223372036854775808',
    '9007199254740993',
    '1',
    '1.0',
    "'1'",
    '1e300',
    "printf('%.*c', 5000, 'x')",
    "printf('%.*c', 5000, 'ä')",
  ];
  for (const type of ['', 'TEXT', 'INTEGER', 'REAL', 'NUMERIC', 'BLOB']) {
    using pair = new ReplicatedPair();
    pair.run(`CREATE TABLE t (a ${type}, b ${type})`);
    pair.run(...odd.map((value) => `INSERT INTO t VALUES (${value}, 0)`));
    pair.run(...odd.map((value, i) => `UPDATE t SET b = a, a = ${value} WHERE rowid = ${((i * 7) % odd.length) + 1}`));
    pair.run('UPDATE t SET a = a', "UPDATE t SET b = b || CAST(x'fe' AS TEXT)", 'DELETE FROM t WHERE rowid % 3 = 0');
    assert.deepEqual(pair.queryReplica(quoted('t')), pair.queryPrimary(quoted('t')), type);
    pair.assertEqual(type);
  }
});

test('bound values arrive as they were given', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a)');
  const value = fc.oneof(
    fc.constant<SqlValue>(null),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.double({ noNaN: true }).filter((number) => !Number.isInteger(number) || Object.is(number, -0)),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array(),
  );
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 20 }), (values) => {
      const rows = values.map(() => '(?)').join(', ');
      const result = pair.run([`INSERT INTO t VALUES ${rows}`, values], 'DELETE FROM t');
      assert.equal(result.changes, values.length);
      pair.primary.begin();
      pair.primary.beginClient();
      const echoed = pair.primary.run({ sql: `VALUES ${rows}`, parameters: values }, { bigint: true }).rows;
      pair.primary.abortClient();
      pair.primary.rollback();
      for (const [i, item] of values.entries()) {
        const back = echoed[i]?.[0];
        const same =
          item instanceof Uint8Array ? Buffer.compare(item, back as Uint8Array) === 0 : Object.is(item, back);
        assert.ok(same, `${String(item)} came back as ${String(back)}`);
      }
    }),
    { numRuns: 50 },
  );
  pair.assertEqual();
});

test('a statement that changes nothing needs no record', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (id INTEGER PRIMARY KEY, a)', "INSERT INTO t VALUES (1, 'x')");
  for (const sql of [
    "UPDATE t SET a = 'x'",
    'DELETE FROM t WHERE id = 9',
    'SELECT * FROM t',
    'CREATE TABLE IF NOT EXISTS t (x)',
  ]) {
    assert.equal(pair.capture(sql).captured.operations.length, 0, sql);
  }
});

test('a table of 1899 columns is replicated and a wider one is refused', () => {
  using pair = new ReplicatedPair();
  const names = (count: number) => Array.from({ length: count }, (_, i) => `c${i}`);
  const columns = (count: number) => names(count).join(' TEXT, ');
  for (const count of [240, 249, 250, 499, 500, 1899]) {
    const last = `c${count - 1}`;
    pair.run(
      `CREATE TABLE t${count} (${columns(count)})`,
      `INSERT INTO t${count} (c0, ${last}) VALUES ('first', 'last'), (CAST(x'ff00' AS TEXT), 7)`,
      `UPDATE t${count} SET c100 = 'x', ${last} = x'00' WHERE c0 = 'first'`,
      `UPDATE t${count} SET ${names(count)
        .map((name) => `${name} = '${name}'`)
        .join(', ')} WHERE rowid = 2`,
      `INSERT INTO t${count} (rowid, c1) VALUES (9, 1.5), (10, NULL)`,
      `UPDATE t${count} SET rowid = 11 WHERE rowid = 9`,
      `DELETE FROM t${count} WHERE rowid = 10`,
      `CREATE TABLE copy${count} AS SELECT * FROM t${count}`,
    );
    pair.assertEqual();
    const expected = [[last, null]];
    const found = pair.queryReplica(`SELECT ${last} AS a, c1 AS b FROM t${count} WHERE rowid IN (2)`);
    assert.deepEqual(
      found.map(({ a }) => [a, null]),
      expected,
    );
  }
  pair.run(
    `CREATE TABLE keyed (${columns(1000)}, PRIMARY KEY (c999, c0)) WITHOUT ROWID`,
    "INSERT INTO keyed (c999, c0, c1) VALUES ('b', 'a', 1), ('d', 'c', 2)",
    "UPDATE keyed SET c999 = 'e' WHERE c1 = 2",
    'DELETE FROM keyed WHERE c1 = 1',
  );
  pair.assertEqual();
  assert.throws(() => pair.run(`CREATE TABLE u (${columns(1900)})`), {
    code: 'UNSUPPORTED_STATEMENT',
    message: /too many/,
  });
  assert.deepEqual(pair.queryPrimary("SELECT name FROM sqlite_schema WHERE name = 'u'"), []);
});
