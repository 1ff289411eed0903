import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplicatedPair } from './testing/replicated-pair.ts';

test('an updated_at trigger that updates its own table takes effect once, on both sides', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, version INTEGER DEFAULT 0)',
    `CREATE TRIGGER touch AFTER UPDATE OF name ON t BEGIN UPDATE t SET version = version + 1 WHERE id = new.id; END`,
    `CREATE TRIGGER born AFTER INSERT ON t BEGIN UPDATE t SET name = name || '*' WHERE id = new.id; END`,
  );
  pair.run("INSERT INTO t (name) VALUES ('a'), ('b')", "UPDATE t SET name = 'c' WHERE id = 1");
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT name, version FROM t'), [
    { name: 'c', version: 2 },
    { name: 'b*', version: 1 },
  ]);
});

test('the change that fires a trigger is captured before what the trigger does to the same row', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE)',
    'CREATE TRIGGER drop_it AFTER INSERT ON t WHEN new.a < 0 BEGIN DELETE FROM t WHERE id = new.id; END',
    'CREATE TRIGGER again AFTER DELETE ON t WHEN old.a = -2 BEGIN INSERT INTO t VALUES (old.id, 2); END',
  );
  pair.run('INSERT INTO t VALUES (1, -1), (2, -2), (3, 3)');
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT * FROM t'), [
    { id: 2, a: 2 },
    { id: 3, a: 3 },
  ]);
});

test('an audit trigger writes once, and again after the replica has become primary', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE TABLE t (id INTEGER PRIMARY KEY, a)',
    'CREATE TABLE audit (what TEXT, id INTEGER, old, new)',
    "CREATE TRIGGER i AFTER INSERT ON t BEGIN INSERT INTO audit VALUES ('insert', new.id, NULL, new.a); END",
    "CREATE TRIGGER u AFTER UPDATE ON t BEGIN INSERT INTO audit VALUES ('update', new.id, old.a, new.a); END",
    "CREATE TRIGGER d AFTER DELETE ON t BEGIN INSERT INTO audit VALUES ('delete', old.id, old.a, NULL); END",
  );
  pair.run('INSERT INTO t (a) VALUES (1), (2)', 'UPDATE t SET a = a + 1', 'DELETE FROM t WHERE id = 1');
  pair.assertEqual();
  assert.equal(pair.queryReplica('SELECT count(*) AS n FROM audit')[0]?.n, 5);
  assert.deepEqual(pair.queryReplica("SELECT 1 FROM sqlite_schema WHERE type = 'trigger'"), []);
  pair.swapRoles();
  pair.run('INSERT INTO t (a) VALUES (3)');
  pair.assertEqual();
  assert.equal(pair.queryPrimary('SELECT count(*) AS n FROM audit')[0]?.n, 6);
  assert.deepEqual(pair.queryReplica("SELECT 1 FROM sqlite_schema WHERE type = 'trigger'"), []);
});

test('a BEFORE trigger that writes the very row does not make replicas stop', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE TABLE t (id INTEGER PRIMARY KEY, a, b DEFAULT 0)',
    'CREATE TRIGGER bu BEFORE UPDATE OF a ON t BEGIN UPDATE t SET b = b + 1 WHERE id = new.id; END',
    'CREATE TRIGGER bd BEFORE DELETE ON t BEGIN UPDATE t SET b = 100 WHERE id = old.id; END',
  );
  pair.run('INSERT INTO t (a) VALUES (1), (2), (3)', 'UPDATE t SET a = 7', 'DELETE FROM t WHERE id = 2');
  pair.assertEqual();
});

test('triggers keep their order when they are suspended and restored', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a)', 'CREATE TABLE seen (n)');
  for (const n of [3, 1, 2]) {
    pair.run(`CREATE TRIGGER g${n} AFTER INSERT ON t BEGIN INSERT INTO seen VALUES (${n}); END`);
  }
  pair.run('INSERT INTO t VALUES (1)');
  pair.swapRoles();
  pair.run('INSERT INTO t VALUES (2)');
  const order = pair.queryPrimary('SELECT n FROM seen ORDER BY rowid').map((row) => row.n);
  assert.deepEqual(order.slice(3), order.slice(0, 3));
  pair.assertEqual();
});

test('INSTEAD OF triggers of views write through', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE TABLE t (id INTEGER PRIMARY KEY, a)',
    'CREATE VIEW v AS SELECT a FROM t',
    'CREATE TRIGGER vi INSTEAD OF INSERT ON v BEGIN INSERT INTO t (a) VALUES (new.a * 2); END',
  );
  pair.run('INSERT INTO v VALUES (4), (5)');
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT a FROM v'), [{ a: 8 }, { a: 10 }]);
});

const raising = [
  'CREATE TABLE t (id INTEGER PRIMARY KEY, a)',
  "CREATE TRIGGER r_abort AFTER INSERT ON t WHEN new.a = 'abort' BEGIN SELECT RAISE(ABORT, 'no'); END",
  "CREATE TRIGGER r_fail AFTER INSERT ON t WHEN new.a = 'fail' BEGIN SELECT RAISE(FAIL, 'no'); END",
  "CREATE TRIGGER r_ignore BEFORE INSERT ON t WHEN new.a = 'ignore' BEGIN SELECT RAISE(IGNORE); END",
  "CREATE TRIGGER r_late AFTER INSERT ON t WHEN new.a = 'late' BEGIN SELECT RAISE(IGNORE); END",
  "CREATE TRIGGER r_rollback AFTER INSERT ON t WHEN new.a = 'rollback' BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
];

test('RAISE(ABORT) and RAISE(FAIL) leave no trace of their statement, and the transaction goes on', () => {
  using pair = new ReplicatedPair();
  pair.run(...raising);
  pair.primary.begin();
  pair.primary.beginClient();
  pair.primary.run({ sql: "INSERT INTO t (a) VALUES ('before')" });
  for (const how of ['abort', 'fail']) {
    const sql = `INSERT INTO t (a) VALUES ('first'), ('${how}'), ('last')`;
    assert.throws(() => pair.primary.run({ sql }), { code: 'CONSTRAINT_VIOLATION', message: 'no' });
  }
  assert.throws(() => pair.primary.run({ sql: "INSERT OR FAIL INTO t VALUES (20, 'x'), (20, 'y')" }), {
    code: 'CONSTRAINT_VIOLATION',
  });
  pair.primary.run({ sql: "INSERT INTO t (a) VALUES ('after')" });
  pair.apply(pair.primary.endClient());
  pair.primary.commit();
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT a FROM t'), [{ a: 'before' }, { a: 'after' }]);
});

test('RAISE(IGNORE) skips what it skips on the primary, before and after the row', () => {
  using pair = new ReplicatedPair();
  pair.run(...raising);
  pair.run("INSERT INTO t (a) VALUES ('one'), ('ignore'), ('late'), ('two')");
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT a FROM t'), [{ a: 'one' }, { a: 'late' }, { a: 'two' }]);
});

test('RAISE(ROLLBACK) ends the whole group and leaves a connection that works', () => {
  using pair = new ReplicatedPair();
  pair.run(...raising);
  const { primary } = pair;
  primary.begin();
  primary.beginClient();
  primary.run({ sql: "INSERT INTO t (a) VALUES ('lost')" });
  primary.run({ sql: 'CREATE TABLE gone (a)' });
  primary.endClient();
  primary.beginClient();
  primary.run({ sql: "INSERT INTO t (a) VALUES ('x')" });
  assert.throws(() => primary.run({ sql: "INSERT INTO t (a) VALUES ('rollback')" }), { code: 'CONSTRAINT_VIOLATION' });
  assert.equal(primary.inTransaction, false);
  primary.abortClient();
  pair.run("INSERT INTO t (a) VALUES ('kept')");
  pair.run('CREATE TABLE gone (b)', 'INSERT INTO gone VALUES (1)');
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT a FROM t'), [{ a: 'kept' }]);
});

test('an update that changes nothing in a table that is all key leaves nothing to apply, stale values or not', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE TABLE t (a TEXT, k TEXT, PRIMARY KEY (k, a)) WITHOUT ROWID',
    'CREATE TABLE deleted (k)',
    'CREATE TRIGGER before_delete BEFORE DELETE ON t BEGIN INSERT INTO deleted VALUES (old.k); END',
    "INSERT INTO t VALUES ('a', 'x'), ('a', 'y')",
  );
  pair.run("UPDATE t SET k = k WHERE k = 'x'", "UPDATE t SET k = 'z' WHERE k = 'y'");
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT k FROM t ORDER BY k'), [{ k: 'x' }, { k: 'z' }]);
});
