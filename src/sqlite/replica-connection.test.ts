import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { ReplicaConnection } from './replica-connection.ts';
import { ReplicatedPair } from './testing/replicated-pair.ts';

/** Changes the replica's file behind its back. */
function tamper(pair: ReplicatedPair, sql: string): void {
  pair.replica.close();
  const db = new DatabaseSync(pair.replicaFile, { defensive: false });
  db.exec(sql);
  db.close();
  pair.replica = ReplicaConnection.open(pair.replicaFile);
}

const start = [
  'CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE UNIQUE, n)',
  'CREATE TABLE w (k TEXT COLLATE NOCASE PRIMARY KEY, v) WITHOUT ROWID',
  "INSERT INTO t VALUES (1, 'one', 1), (2, 'two', 2)",
  "INSERT INTO w VALUES ('key', 1)",
];

for (const [name, edit, statement] of [
  ['a row is missing for an update', 'DELETE FROM t WHERE id = 1', 'UPDATE t SET n = 5 WHERE id = 1'],
  ['a row is missing for a delete', 'DELETE FROM t WHERE id = 1', 'DELETE FROM t WHERE id = 1'],
  ['a changed value differs', 'UPDATE t SET n = 7 WHERE id = 1', 'UPDATE t SET n = n + 1 WHERE id = 1'],
  ['a deleted row differs in any column', "UPDATE t SET name = 'ONE' WHERE id = 1", 'DELETE FROM t WHERE id = 1'],
  ['a value differs in its type only', 'UPDATE t SET n = 1.0 WHERE id = 1', 'UPDATE t SET n = 9 WHERE id = 1'],
  [
    'a value differs in its case only',
    "UPDATE t SET name = 'TWO' WHERE id = 2",
    "UPDATE t SET name = 'x' WHERE id = 2",
  ],
  ['a key differs in its case only', "UPDATE w SET k = 'KEY'", 'UPDATE w SET v = 2'],
  ['a new row clashes with its rowid', "INSERT INTO t VALUES (3, 'mine', 0)", "INSERT INTO t VALUES (3, 'three', 3)"],
  [
    'a new row clashes with a UNIQUE value',
    "INSERT INTO t VALUES (9, 'three', 0)",
    "INSERT INTO t VALUES (3, 'three', 3)",
  ],
] as const) {
  test(`a replica stops with DIVERGED when ${name}`, () => {
    using pair = new ReplicatedPair();
    pair.run(...start);
    tamper(pair, edit);
    const { captured } = pair.capture(statement);
    assert.throws(() => pair.apply(captured), {
      code: 'DIVERGED',
      message: /table [tw]/,
      hint: /Copy the database again/,
    });
    assert.equal(pair.replica.inTransaction, false);
  });
}

for (const [name, edit, statement] of [
  ['a table is missing', 'DROP TABLE t', 'UPDATE t SET n = 0'],
  ['a table has fewer columns', 'ALTER TABLE t DROP COLUMN n', "INSERT INTO t (name) VALUES ('x')"],
  ['a table has more columns', 'ALTER TABLE t ADD COLUMN more', "INSERT INTO t (name) VALUES ('x')"],
  ['columns have moved', 'ALTER TABLE t RENAME COLUMN n TO m; ALTER TABLE t RENAME COLUMN name TO n', 'DELETE FROM w'],
  ['an index was made here', 'CREATE INDEX local ON t (n)', 'DELETE FROM w'],
  ['a trigger was made here', 'CREATE TRIGGER local AFTER INSERT ON t BEGIN SELECT 1; END', 'DELETE FROM w'],
  ['a schema change cannot be repeated', 'CREATE TABLE later (a)', 'CREATE TABLE later (a)'],
] as const) {
  test(`a replica stops with SCHEMA_MISMATCH when ${name}`, () => {
    using pair = new ReplicatedPair();
    pair.run(...start);
    tamper(pair, edit);
    const { captured } = pair.capture(statement);
    assert.throws(() => pair.apply(captured), { code: 'SCHEMA_MISMATCH' });
  });
}

test('many records in one transaction give the same as one by one', () => {
  using pair = new ReplicatedPair();
  pair.capture(...start);
  for (let i = 0; i < 20; i++) {
    pair.capture(
      `INSERT INTO t (n) VALUES (${i})`,
      `ALTER TABLE t ADD COLUMN c${i}`,
      `UPDATE t SET n = n + 1, c${i} = 5`,
    );
  }
  pair.replica.begin();
  for (const { operations, schemaHash } of pair.captured) {
    pair.replica.apply(operations, schemaHash);
  }
  pair.replica.commit();
  pair.assertEqual();
});

test('after a rollback the same records apply again', () => {
  using pair = new ReplicatedPair();
  pair.run(...start);
  const { captured } = pair.capture(
    'ALTER TABLE t ADD COLUMN z',
    "INSERT INTO t (name, z) VALUES ('x', 1)",
    'DROP TABLE w',
  );
  pair.replica.begin();
  pair.replica.apply(captured.operations, captured.schemaHash);
  pair.replica.rollback();
  pair.apply(captured);
  pair.assertEqual();
});

test('a primary replays its own missing records and gets its triggers back in the same transaction', () => {
  using pair = new ReplicatedPair();
  const trigger = 'CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET n = n * 2 WHERE id = new.id; END';
  pair.run(...start, trigger, "INSERT INTO t VALUES (3, 'three', 3)");
  const { captured } = pair.capture("INSERT INTO t VALUES (4, 'four', 4)");
  pair.replica.begin();
  pair.replica.apply(captured.operations, captured.schemaHash);
  pair.replica.restoreTriggers();
  pair.replica.commit();
  assert.equal(pair.queryReplica("SELECT name FROM sqlite_schema WHERE type = 'trigger'").length, 1);
  pair.assertEqual();
  pair.swapRoles();
  pair.run("INSERT INTO t VALUES (5, 'five', 5)");
  pair.assertEqual();
  assert.equal(pair.queryPrimary('SELECT n FROM t WHERE id = 5')[0]?.n, 10);
});

test('CHECK constraints and foreign keys are not asked again on a replica', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE TABLE p (id INTEGER PRIMARY KEY)',
    'CREATE TABLE c (p REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED, r CHECK (r <> abs(random())))',
    'INSERT INTO c VALUES (1, 5)',
    'INSERT INTO p VALUES (1)',
  );
  pair.assertEqual();
});

test('a new replica that gets everything from the first record on becomes equal', () => {
  using pair = new ReplicatedPair();
  pair.run(...start);
  pair.run('CREATE VIRTUAL TABLE f USING fts5(a)', "INSERT INTO f VALUES ('x')", 'DROP TABLE w');
  pair.run('PRAGMA user_version = 3', 'CREATE VIEW v AS SELECT 1');
  using other = new ReplicatedPair();
  for (const captured of pair.captured) {
    other.apply(captured);
  }
  assert.deepEqual(other.digests().replica.digest, pair.digests().primary.digest);
});
