import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplicatedPair } from './testing/replicated-pair.ts';

test('what is rolled back to a savepoint is not captured; nested and equal names count as in SQLite', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a)');
  pair.run(
    'INSERT INTO t VALUES (1)',
    'SAVEPOINT a',
    'INSERT INTO t VALUES (2)',
    'SAVEPOINT "A"',
    'INSERT INTO t VALUES (3)',
    'ROLLBACK TO a',
    'INSERT INTO t VALUES (4)',
    'RELEASE a',
    'SAVEPOINT b',
    'INSERT INTO t VALUES (5)',
    'ROLLBACK TRANSACTION TO SAVEPOINT a',
    'INSERT INTO t VALUES (6)',
    'RELEASE SAVEPOINT a',
  );
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT a FROM t'), [{ a: 1 }, { a: 6 }]);
});

test('a savepoint of no client cannot be released or rolled back to', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a)');
  for (const sql of ['RELEASE _quorate_client', 'ROLLBACK TO _quorate_client', 'SAVEPOINT _Quorate_x']) {
    assert.throws(() => pair.run(sql), { code: 'UNSUPPORTED_STATEMENT' }, sql);
  }
  assert.throws(() => pair.run('SAVEPOINT a', 'RELEASE a', 'ROLLBACK TO a'), { code: 'SQL_ERROR' });
  pair.run('INSERT INTO t VALUES (1)');
  pair.assertEqual();
});

test('BEGIN, COMMIT, END and ROLLBACK belong to the layer above', () => {
  using pair = new ReplicatedPair();
  for (const sql of ['BEGIN', 'BEGIN IMMEDIATE', 'COMMIT', 'END TRANSACTION', 'ROLLBACK']) {
    assert.throws(() => pair.run(sql), { code: 'UNSUPPORTED_STATEMENT', hint: /interactive/ }, sql);
  }
});

test('a client that fails takes only itself away from its group', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a UNIQUE)', 'CREATE TABLE keep (a)');
  const { primary } = pair;
  primary.begin();
  const run = (sql: string) => {
    primary.beginClient();
    try {
      primary.run({ sql: 'INSERT INTO keep VALUES (1)' });
      primary.run({ sql });
      pair.apply(primary.endClient());
    } catch {
      primary.abortClient();
    }
  };
  run('INSERT INTO t VALUES (1)');
  run('INSERT INTO t VALUES (1)');
  run('CREATE TABLE keep (b)');
  run('INSERT INTO t VALUES (2)');
  primary.commit();
  pair.assertEqual();
  assert.equal(pair.queryPrimary('SELECT count(*) AS n FROM keep')[0]?.n, 2);
});

test('a failed statement leaves no trace and its transaction goes on', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a INTEGER UNIQUE)');
  const { primary } = pair;
  primary.begin();
  primary.beginClient();
  primary.run({ sql: 'INSERT INTO t VALUES (1)' });
  assert.throws(() => primary.run({ sql: 'INSERT INTO t VALUES (5), (6), (1)' }), {
    code: 'CONSTRAINT_VIOLATION',
    details: { sqliteCode: 'SQLITE_CONSTRAINT_UNIQUE', sqliteErrorNumber: 2067 },
  });
  assert.throws(() => primary.run({ sql: 'INSERT INTO t VALUES (9007199254740993), (7) RETURNING a' }), {
    code: 'INTEGER_OUT_OF_RANGE',
    hint: /bigint/,
  });
  primary.run({ sql: 'INSERT INTO t VALUES (2)' });
  const captured = primary.endClient();
  primary.commit();
  pair.apply(captured);
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT a FROM t'), [{ a: 1 }, { a: 2 }]);
});

test('a transaction larger than the limit is refused and undone', () => {
  using pair = new ReplicatedPair({ maxTransactionBytes: 100_000 });
  pair.run('CREATE TABLE t (a)', 'CREATE VIRTUAL TABLE f USING fts5(a)');
  const hint = /Split it/;
  assert.throws(() => pair.run('INSERT INTO t VALUES (zeroblob(200000))'), { code: 'TRANSACTION_TOO_LARGE', hint });
  const many =
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) INSERT INTO t SELECT 'row' || i FROM n";
  assert.throws(() => pair.run(many), { code: 'TRANSACTION_TOO_LARGE' });
  const words =
    "INSERT INTO f SELECT group_concat(value || ' word') FROM (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 50000) SELECT value FROM n)";
  assert.throws(() => pair.run(words), { code: 'TRANSACTION_TOO_LARGE' });
  pair.run("INSERT INTO t VALUES ('small')");
  pair.assertEqual();
});

test('AUTOINCREMENT never gives an id twice, also after the replica has become primary', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE)', 'CREATE TABLE o (a)');
  pair.run('CREATE TRIGGER g AFTER INSERT ON o BEGIN INSERT OR IGNORE INTO t (a) VALUES (new.a); END');
  pair.run('INSERT INTO t (a) VALUES (1), (2), (3)');
  pair.run('DELETE FROM t');
  pair.run('INSERT INTO t VALUES (100, 4)', 'DELETE FROM t WHERE id = 100');
  pair.run('INSERT INTO o VALUES (5), (5), (6), (6)');
  pair.run('INSERT OR IGNORE INTO t (a) VALUES (6), (6)');
  pair.assertEqual('ids that were given away and ignored');
  pair.run("UPDATE sqlite_sequence SET seq = 500 WHERE name = 't'");
  pair.assertEqual();
  pair.swapRoles();
  assert.deepEqual(pair.run('INSERT INTO t (a) VALUES (9) RETURNING id').rows, [[501]]);
  pair.run(
    'ALTER TABLE t RENAME TO u',
    'INSERT INTO u (a) VALUES (10)',
    'CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)',
  );
  pair.run('DELETE FROM sqlite_sequence', 'INSERT INTO t DEFAULT VALUES');
  pair.run('DROP TABLE u');
  pair.assertEqual();
});

test('user_version and application_id are replicated, as they are at the end', () => {
  using pair = new ReplicatedPair();
  pair.run('PRAGMA user_version = 5', 'PRAGMA main.user_version = -7', 'PRAGMA application_id = 0x51554f52');
  pair.run('PRAGMA user_version(8)', 'SAVEPOINT s', 'PRAGMA user_version = 9', 'ROLLBACK TO s');
  assert.deepEqual(pair.queryReplica('PRAGMA user_version'), [{ user_version: 8 }]);
  assert.deepEqual(pair.run('PRAGMA user_version').rows, [[8]]);
  pair.assertEqual();
});

test('TEMP objects serve one transaction and are gone after it', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a)');
  pair.run(
    'CREATE TEMP TABLE scratch (a)',
    'INSERT INTO scratch VALUES (1), (2)',
    'CREATE TEMP VIEW doubled AS SELECT a * 2 AS a FROM scratch',
    'CREATE INDEX temp.i ON scratch (a)',
    'INSERT INTO t SELECT a FROM doubled',
  );
  pair.assertEqual();
  assert.throws(() => pair.run('SELECT * FROM scratch'), { code: 'SQL_ERROR' });
  assert.throws(() => pair.run('CREATE TEMP TABLE alone (a)'), { code: 'UNSUPPORTED_STATEMENT', hint: /transaction/ });
  pair.run('CREATE TEMP TABLE t (a, b)', 'INSERT INTO t VALUES (8, 9)', 'INSERT INTO main.t VALUES (3)');
  pair.run('INSERT INTO t VALUES (4)');
  pair.assertEqual();
  assert.equal(pair.queryReplica('SELECT count(*) AS n FROM t')[0]?.n, 4);
});

test('one client never learns the rowid that another one inserted', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a)', 'INSERT INTO t (rowid, a) VALUES (77, 1)');
  assert.equal(pair.run('UPDATE t SET a = 2').lastInsertRowid, 0n);
  assert.equal(pair.run('SELECT 1').lastInsertRowid, 0n);
  assert.equal(pair.run('INSERT INTO t VALUES (1)').lastInsertRowid, 78n);
});

test('the position is written in the same transaction as the data', () => {
  using pair = new ReplicatedPair();
  const hash = Buffer.alloc(32, 7);
  for (const connection of [pair.primary, pair.replica]) {
    assert.deepEqual(connection.readPosition().txId, 0);
    connection.begin();
    connection.writePosition({ txId: 5, term: 2, hash });
    connection.rollback();
    assert.equal(connection.readPosition().txId, 0);
    connection.begin();
    connection.writePosition({ txId: 2 ** 40, term: 3, hash });
    connection.commit();
    const { txId, term, hash: found } = connection.readPosition();
    assert.deepEqual([txId, term, Buffer.from(found)], [2 ** 40, 3, hash]);
  }
});

test('a checkpoint says whether everything is in the database file', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (a)', 'INSERT INTO t VALUES (1)');
  const result = pair.primary.checkpoint('passive');
  assert.equal(result.complete, true);
  assert.ok(result.walPages > 0);
  assert.deepEqual(pair.primary.checkpoint('truncate'), { complete: true, walPages: 0, checkpointedPages: 0 });
});
