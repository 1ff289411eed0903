import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplicatedPair } from './testing/replicated-pair.ts';

test('tables, indexes, views and triggers are made, changed and dropped on the replica as on the primary', () => {
  using pair = new ReplicatedPair();
  const steps = [
    'CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b)',
    "INSERT INTO t (a, b) VALUES ('x', 1), ('y', NULL)",
    'CREATE UNIQUE INDEX partial ON t (a) WHERE b IS NOT NULL',
    'CREATE INDEX expression ON t (lower(a), b DESC)',
    "CREATE VIEW v AS SELECT a || '!' AS loud FROM t",
    'CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET b = 5 WHERE id = new.id; END',
    "ALTER TABLE t ADD COLUMN c TEXT NOT NULL DEFAULT 'later'",
    'ALTER TABLE t RENAME COLUMN a TO renamed',
    "INSERT INTO t (renamed) VALUES ('z')",
    'ALTER TABLE t RENAME TO moved',
    "UPDATE moved SET c = 'now' WHERE renamed = 'x'",
    'DROP VIEW v',
    'ALTER TABLE moved DROP COLUMN c',
    'DROP INDEX expression',
    "INSERT INTO moved (renamed) VALUES ('last')",
    'DROP TRIGGER g',
    'CREATE TABLE other AS SELECT * FROM moved',
    'DROP TABLE moved',
    'CREATE TABLE moved (entirely, different)',
    'INSERT INTO moved VALUES (1, 2)',
  ];
  for (const sql of steps) {
    pair.run(sql);
    pair.assertEqual(sql);
  }
});

test('the same steps in one transaction give the same', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE TABLE t (a)',
    'INSERT INTO t VALUES (1)',
    'ALTER TABLE t ADD COLUMN b DEFAULT 7',
    'INSERT INTO t VALUES (2, 3)',
    'CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET b = 0 WHERE rowid = new.rowid; END',
    'INSERT INTO t VALUES (3, 4)',
    'ALTER TABLE t DROP COLUMN a',
    'ALTER TABLE t RENAME TO u',
    'DELETE FROM u WHERE b = 3',
    'DROP TRIGGER g',
    'INSERT INTO u VALUES (9)',
  );
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT b FROM u'), [{ b: 7 }, { b: 0 }, { b: 9 }]);
});

test('CREATE TABLE AS SELECT is replicated as its result, whatever the query was', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a TEXT, b)', "INSERT INTO t VALUES ('x', 1.0), (CAST(x'ff' AS TEXT), NULL)");
  pair.run(['CREATE TABLE c AS SELECT random() AS r, a, b, ? AS p FROM t', [5]]);
  pair.run(
    "CREATE TABLE IF NOT EXISTS c AS SELECT 'nothing' AS n",
    'DELETE FROM c WHERE b = 1',
    'INSERT INTO c VALUES (1, 2, 3, 4)',
  );
  pair.assertEqual();
});

test('a schema change that is rolled back is undone on the primary and never reaches the replica', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a)', 'CREATE TABLE keep (a)');
  assert.throws(() => pair.run('ALTER TABLE t ADD COLUMN b', 'DROP TABLE keep', 'INSERT INTO nowhere VALUES (1)'), {
    code: 'SQL_ERROR',
  });
  pair.run('INSERT INTO t VALUES (1)', 'INSERT INTO keep VALUES (2)');
  pair.run(
    'SAVEPOINT s',
    'ALTER TABLE t ADD COLUMN b',
    'INSERT INTO t VALUES (1, 2)',
    'CREATE TABLE n (x)',
    'ROLLBACK TO s',
  );
  pair.run('INSERT INTO t VALUES (3)', 'UPDATE t SET a = 4 WHERE a = 3');
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT * FROM t'), [{ a: 1 }, { a: 4 }]);
});

test('a schema statement that fails leaves capture as it was', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a UNIQUE, b)', 'INSERT INTO t VALUES (1, 1)', 'CREATE VIEW v AS SELECT b FROM t');
  pair.primary.begin();
  pair.primary.beginClient();
  for (const sql of [
    'ALTER TABLE t DROP COLUMN b',
    'ALTER TABLE t DROP COLUMN a',
    'CREATE TABLE t (a)',
    'ALTER TABLE t RENAME TO v',
  ]) {
    assert.throws(() => pair.primary.run({ sql }), { code: 'SQL_ERROR' }, sql);
    pair.primary.run({ sql: 'UPDATE t SET b = b + 1' });
  }
  pair.apply(pair.primary.endClient());
  pair.primary.commit();
  pair.assertEqual();
});

test('prepared statements follow a change of the schema', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a)', 'INSERT INTO t VALUES (1)');
  assert.deepEqual(pair.run('SELECT * FROM t').columns, ['a']);
  pair.run('ALTER TABLE t ADD COLUMN b');
  assert.deepEqual(pair.run('SELECT * FROM t').columns, ['a', 'b']);
  pair.run('DROP TABLE t', 'CREATE TABLE t (x INTEGER PRIMARY KEY AUTOINCREMENT)', 'INSERT INTO t DEFAULT VALUES');
  pair.assertEqual();
});

test('renaming a table that others refer to keeps foreign keys, views and triggers in step', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE TABLE p (id INTEGER PRIMARY KEY, n DEFAULT 0)',
    'CREATE TABLE c (p REFERENCES p (id) ON DELETE CASCADE)',
    'CREATE VIEW v AS SELECT * FROM p',
    'CREATE TRIGGER g AFTER INSERT ON c BEGIN UPDATE p SET n = n + 1 WHERE id = new.p; END',
  );
  pair.run('INSERT INTO p (id) VALUES (1), (2)', 'INSERT INTO c VALUES (1), (2)');
  pair.run('ALTER TABLE p RENAME TO parents', 'ALTER TABLE parents RENAME COLUMN n TO children');
  pair.run('INSERT INTO c VALUES (1)', 'DELETE FROM parents WHERE id = 2');
  pair.assertEqual();
  pair.swapRoles();
  pair.run('INSERT INTO c VALUES (1)');
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT * FROM v'), [{ id: 1, children: 3 }]);
});

test('the schema hash is the same on both sides and changes with the schema only', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a)', 'CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END');
  const before = pair.primary.schemaHash;
  assert.equal(pair.replica.schemaHash, before);
  pair.run('INSERT INTO t VALUES (1)', 'ANALYZE');
  assert.equal(pair.primary.schemaHash, before);
  pair.run('DROP TRIGGER g');
  assert.notEqual(pair.primary.schemaHash, before);
  assert.equal(pair.replica.schemaHash, pair.primary.schemaHash);
});

test('ANALYZE stays on its node', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a)', 'CREATE INDEX i ON t (a)', 'INSERT INTO t VALUES (1), (2)');
  assert.equal(pair.capture('ANALYZE', 'PRAGMA optimize', 'REINDEX').captured.operations.length, 0);
  assert.equal(pair.queryPrimary("SELECT * FROM sqlite_stat1 WHERE tbl = 't'").length, 1);
  pair.run('INSERT INTO t VALUES (3)', 'DELETE FROM sqlite_stat1');
  pair.assertEqual();
});

test('a schema change beside 200 tables stays cheap', () => {
  using pair = new ReplicatedPair();
  pair.run(...Array.from({ length: 200 }, (_, i) => `CREATE TABLE t${i} (id INTEGER PRIMARY KEY, a TEXT, b)`));
  const started = performance.now();
  for (let i = 0; i < 20; i++) {
    pair.capture(`ALTER TABLE t${i} ADD COLUMN c`);
  }
  assert.ok((performance.now() - started) / 20 < 200, 'milliseconds for each change');
});
