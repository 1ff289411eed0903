import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplicatedPair } from './testing/replicated-pair.ts';

test('cascades arrive as the changes they made, and are not made again', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE TABLE p (id INTEGER PRIMARY KEY, code TEXT UNIQUE)',
    'CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p (id) ON DELETE CASCADE ON UPDATE CASCADE)',
    'CREATE TABLE n (id INTEGER PRIMARY KEY, code TEXT REFERENCES p (code) ON DELETE SET NULL ON UPDATE CASCADE)',
    'CREATE TABLE d (id INTEGER PRIMARY KEY, p DEFAULT 1 REFERENCES p (id) ON DELETE SET DEFAULT ON UPDATE CASCADE)',
    'CREATE TABLE gone (c INTEGER)',
    'CREATE TRIGGER g AFTER DELETE ON c BEGIN INSERT INTO gone VALUES (old.id); END',
  );
  pair.run("INSERT INTO p VALUES (1, 'a'), (2, 'b'), (3, 'c')", 'INSERT INTO c VALUES (1, 1), (2, 2), (3, 2)');
  pair.run("INSERT INTO n VALUES (1, 'b'), (2, 'c')", 'INSERT INTO d VALUES (1, 2), (2, 3)');
  pair.run('DELETE FROM p WHERE id = 2', "UPDATE p SET id = 30, code = 'z' WHERE id = 3");
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT * FROM n'), [
    { id: 1, code: null },
    { id: 2, code: 'z' },
  ]);
  assert.deepEqual(pair.queryReplica('SELECT p FROM d'), [{ p: 1 }, { p: 30 }]);
  assert.equal(pair.queryReplica('SELECT count(*) AS n FROM gone')[0]?.n, 2);
});

test('cascades within one table replay, also where a row refers to itself', () => {
  using pair = new ReplicatedPair();
  pair.run(
    `CREATE TABLE t (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t (id) ON DELETE CASCADE ON UPDATE CASCADE,
       touched INTEGER DEFAULT 0)`,
    'CREATE TABLE log (id, parent)',
    'CREATE TRIGGER g AFTER UPDATE OF parent ON t BEGIN UPDATE t SET touched = touched + 1 WHERE id = new.parent; END',
  );
  pair.run('INSERT INTO t (id, parent) VALUES (1, 1), (2, 1), (3, 2), (4, 3), (5, NULL)');
  pair.run('UPDATE t SET id = 10 WHERE id = 1', 'UPDATE t SET id = 20 WHERE id = 2');
  pair.assertEqual();
  pair.run('DELETE FROM t WHERE id = 20');
  pair.assertEqual();
  pair.run('DELETE FROM t WHERE id = 10');
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT id FROM t'), [{ id: 5 }]);
});

test('a cascade that takes over a UNIQUE value which its parent gave up replays', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (id INTEGER PRIMARY KEY, parent INTEGER UNIQUE REFERENCES t (id) ON UPDATE CASCADE)');
  pair.run('INSERT INTO t VALUES (5, NULL), (7, NULL), (1, 7), (9, 1)', 'DELETE FROM t WHERE id = 5');
  pair.run('UPDATE t SET id = 6, parent = 9 WHERE id = 1', 'UPDATE t SET id = 7 WHERE id = 7');
  pair.assertEqual();
});

test('REPLACE of a parent row takes its children along', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE TABLE p (id INTEGER PRIMARY KEY, a)',
    'CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p (id) ON DELETE CASCADE)',
  );
  pair.run('INSERT INTO p VALUES (1, 1), (2, 2)', 'INSERT INTO c VALUES (1, 1), (2, 2), (3, 1)');
  pair.run('REPLACE INTO p VALUES (1, 5)');
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT id FROM c'), [{ id: 2 }]);
});

test('a key that replaces another row and cascades is refused, since its order could not be kept', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (id INTEGER PRIMARY KEY, parent REFERENCES t (id) ON UPDATE CASCADE ON DELETE CASCADE)');
  pair.run('INSERT INTO t VALUES (1, 1), (2, 1), (3, NULL)');
  assert.throws(() => pair.run('UPDATE OR REPLACE t SET id = 2 WHERE id = 1'), { code: 'UNSUPPORTED_STATEMENT' });
  pair.run(
    'UPDATE OR REPLACE t SET parent = 3 WHERE id = 2',
    'UPDATE t SET id = 9 WHERE id = 1',
    'REPLACE INTO t VALUES (9, 3)',
  );
  pair.assertEqual();
});

test('dropping a parent table carries out its cascades on the replica too', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE TABLE p (id INTEGER PRIMARY KEY, p REFERENCES p (id) ON DELETE CASCADE)',
    'CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p (id) ON DELETE CASCADE)',
    'CREATE TABLE n (id INTEGER PRIMARY KEY, p REFERENCES p (id) ON DELETE SET NULL)',
    'CREATE TABLE audit (id)',
    'CREATE TRIGGER g AFTER DELETE ON c BEGIN INSERT INTO audit VALUES (old.id); END',
  );
  pair.run(
    'INSERT INTO p VALUES (1, NULL), (2, 1)',
    'INSERT INTO c VALUES (1, 1), (2, 2)',
    'INSERT INTO n VALUES (1, 2)',
  );
  pair.run('INSERT INTO p VALUES (3, 1)', 'DROP TABLE p');
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT * FROM c'), []);
  assert.deepEqual(pair.queryReplica('SELECT * FROM n'), [{ id: 1, p: null }]);
  assert.equal(pair.queryReplica('SELECT count(*) AS n FROM audit')[0]?.n, 2);
});

test('a parent table with restricted children cannot be dropped, and nothing of the attempt remains', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE TABLE p (id INTEGER PRIMARY KEY)',
    'CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p (id) ON DELETE CASCADE)',
    'CREATE TABLE r (p REFERENCES p (id) ON DELETE RESTRICT)',
    'INSERT INTO p VALUES (1)',
    'INSERT INTO c VALUES (1, 1)',
    'INSERT INTO r VALUES (1)',
  );
  pair.primary.begin();
  pair.primary.beginClient();
  assert.throws(() => pair.primary.run({ sql: 'DROP TABLE p' }), { code: 'CONSTRAINT_VIOLATION' });
  pair.primary.run({ sql: 'INSERT INTO p VALUES (2)' });
  pair.apply(pair.primary.endClient());
  pair.primary.commit();
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT id FROM c'), [{ id: 1 }]);
});

const deferred = [
  'CREATE TABLE p (id INTEGER PRIMARY KEY, code TEXT COLLATE NOCASE UNIQUE, a INT, b INT, UNIQUE (a, b))',
  'CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)',
  'CREATE TABLE k (code TEXT REFERENCES p (code) DEFERRABLE INITIALLY DEFERRED)',
  'CREATE TABLE m (a INT, b INT, FOREIGN KEY (a, b) REFERENCES p (a, b) DEFERRABLE INITIALLY DEFERRED)',
  'CREATE TABLE i (p REFERENCES p (id))',
  "INSERT INTO p VALUES (1, 'One', 1, 1), (2, 'Two', 2, 2), (3, 'Three', 3, 3)",
  'INSERT INTO c VALUES (1, 1)',
  "INSERT INTO k VALUES ('ONE')",
  'INSERT INTO m VALUES (2, 2), (NULL, 99)',
];

test('a deferred foreign key may be broken inside a transaction and must hold at its end', () => {
  using pair = new ReplicatedPair();
  pair.run(...deferred);
  pair.run('INSERT INTO c VALUES (2, 50)', 'INSERT INTO p (id) VALUES (50)');
  pair.run('DELETE FROM p WHERE id = 1', "INSERT INTO p VALUES (1, 'oNe', 1, 1)");
  pair.run('UPDATE p SET id = 60 WHERE id = 50', 'UPDATE c SET p = 60 WHERE p = 50');
  pair.run('UPDATE p SET b = 20 WHERE b = 2', 'UPDATE m SET b = 20 WHERE b = 2');
  pair.run('INSERT INTO m VALUES (7, NULL)', "UPDATE p SET code = 'ONE' WHERE id = 1");
  pair.assertEqual();
});

for (const [name, ...statements] of [
  ['a child without a parent', 'INSERT INTO c VALUES (9, 99)'],
  ['a child that moves to a missing parent', 'UPDATE c SET p = 99'],
  ['a parent deleted under its child', 'DELETE FROM p WHERE id = 1'],
  ['a parent with another key', 'UPDATE p SET id = 99 WHERE id = 1'],
  ['a parent found by another collation', "UPDATE p SET code = 'other' WHERE id = 1", 'DELETE FROM c'],
  ['a part of a parent key', 'UPDATE p SET b = 99 WHERE id = 2'],
  ['a parent that was replaced', "REPLACE INTO p VALUES (9, 'one', 9, 9)"],
  ['a child beside a schema change', 'CREATE TABLE other (a)', 'INSERT INTO c VALUES (9, 99)'],
  ['a parent table dropped', 'DELETE FROM i', 'DELETE FROM m', 'DELETE FROM k', 'DROP TABLE p'],
] as const) {
  test(`a deferred foreign key refuses at the end of the transaction: ${name}`, () => {
    using pair = new ReplicatedPair();
    pair.run(...deferred);
    assert.throws(() => pair.run(...statements), { code: 'CONSTRAINT_VIOLATION', message: /FOREIGN KEY/ });
    pair.run('INSERT INTO c VALUES (7, 2)');
    pair.assertEqual();
  });
}

test('PRAGMA defer_foreign_keys counts for its own transaction only', () => {
  using pair = new ReplicatedPair();
  pair.run(...deferred);
  pair.run('PRAGMA defer_foreign_keys = ON', 'INSERT INTO i VALUES (70)', 'INSERT INTO p (id) VALUES (70)');
  assert.throws(() => pair.run('PRAGMA defer_foreign_keys = ON', 'INSERT INTO i VALUES (71)'), {
    code: 'CONSTRAINT_VIOLATION',
  });
  pair.primary.begin();
  for (const end of ['endClient', 'abortClient'] as const) {
    pair.primary.beginClient();
    pair.primary.run({ sql: 'PRAGMA defer_foreign_keys = ON' });
    pair.primary[end]();
    pair.primary.beginClient();
    assert.throws(() => pair.primary.run({ sql: 'INSERT INTO i VALUES (72)' }), { code: 'CONSTRAINT_VIOLATION' });
    pair.primary.abortClient();
  }
  pair.primary.commit();
  pair.assertEqual();
});

test('a BEFORE trigger that would make SQLite miscount deferred violations is refused', () => {
  using pair = new ReplicatedPair();
  pair.run(...deferred, 'CREATE TABLE audit (a)');
  const own = 'CREATE TRIGGER g BEFORE DELETE ON c BEGIN UPDATE c SET p = NULL WHERE id = old.id; END';
  assert.throws(() => pair.run(own), { code: 'UNSUPPORTED_STATEMENT', hint: /AFTER/ });
  const parent = 'CREATE TRIGGER g BEFORE UPDATE OF id ON "P" BEGIN DELETE FROM p WHERE id = new.id; END';
  assert.throws(() => pair.run(parent), { code: 'UNSUPPORTED_STATEMENT' });
  pair.run(
    'CREATE TRIGGER a BEFORE DELETE ON c BEGIN INSERT INTO audit SELECT p FROM c; END',
    'CREATE TRIGGER b BEFORE INSERT ON c BEGIN DELETE FROM c WHERE id = new.id; END',
    'CREATE TRIGGER d AFTER DELETE ON c BEGIN UPDATE c SET p = NULL; END',
    'CREATE TRIGGER e BEFORE DELETE ON i BEGIN UPDATE i SET p = 2; END',
  );
  pair.run('DELETE FROM c', 'INSERT INTO c VALUES (1, 3)', 'INSERT INTO i VALUES (1)', 'DELETE FROM i');
  pair.assertEqual();
});

test('a violation of one client does not fail the group of the others', () => {
  using pair = new ReplicatedPair();
  pair.run(...deferred);
  pair.primary.begin();
  pair.primary.beginClient();
  pair.primary.run({ sql: 'INSERT INTO c VALUES (8, 98)' });
  assert.throws(() => pair.primary.endClient(), { code: 'CONSTRAINT_VIOLATION' });
  pair.primary.abortClient();
  pair.primary.beginClient();
  pair.primary.run({ sql: 'INSERT INTO c VALUES (8, 2)' });
  const captured = pair.primary.endClient();
  pair.primary.commit();
  pair.apply(captured);
  pair.assertEqual();
});

test('without foreign keys a table is rebuilt under those that refer to it, and what is left must be right', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE TABLE parent (id INTEGER PRIMARY KEY)',
    'CREATE TABLE child (p REFERENCES parent (id) ON DELETE CASCADE)',
  );
  pair.run('INSERT INTO parent VALUES (1), (2)', 'INSERT INTO child VALUES (1)');
  const { primary } = pair;
  const without = (...statements: string[]) => {
    primary.begin({ foreignKeys: false });
    primary.beginClient();
    try {
      for (const sql of statements) {
        primary.run({ sql });
      }
      return primary.endClient();
    } catch (error) {
      primary.rollback();
      throw error;
    }
  };
  assert.throws(() => without('DELETE FROM parent'), { code: 'CONSTRAINT_VIOLATION' });
  assert.throws(() => without('DROP TABLE parent', 'CREATE TABLE parent (id INTEGER PRIMARY KEY)'), {
    code: 'CONSTRAINT_VIOLATION',
  });
  without(
    'CREATE TABLE next (id INTEGER PRIMARY KEY, x)',
    'INSERT INTO next (id) SELECT id FROM parent',
    'DROP TABLE parent',
    'ALTER TABLE next RENAME TO parent',
  );
  primary.rollback();
  assert.throws(() => pair.run('INSERT INTO child VALUES (9)'), { code: 'CONSTRAINT_VIOLATION' });
  pair.run('DELETE FROM parent WHERE id = 1');
  primary.begin();
  primary.beginClient();
  assert.deepEqual(primary.run({ sql: 'SELECT count(*) FROM child' }).rows, [[0]]);
  primary.rollback();
});
