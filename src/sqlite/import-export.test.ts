import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { exportDatabase } from './export.ts';
import { type ImportOptions, importDatabase } from './import.ts';
import { logicalDigest } from './logical-digest.ts';
import { ReplicatedPair } from './testing/replicated-pair.ts';

function makeSource(pair: ReplicatedPair, sql: string, name = 'source.sqlite'): string {
  const file = path.join(pair.directory, name);
  const db = new DatabaseSync(file);
  db.exec(sql);
  db.close();
  return file;
}

/** Imports a file the way an owner does: each chunk is logged, then committed. Returns the number of chunks. */
function importAll(pair: ReplicatedPair, file: string, options: ImportOptions = {}): number {
  let chunks = 0;
  for (const { captured } of importDatabase(pair.primary, file, options)) {
    pair.primary.commit();
    pair.apply(captured);
    chunks++;
  }
  return chunks;
}

const hex = (file: string) => Buffer.from(logicalDigest(file).digest).toString('hex');

const everything = `
  CREATE TABLE plain (a TEXT, b);
  CREATE TABLE ids (id INTEGER PRIMARY KEY AUTOINCREMENT, p REFERENCES later (id), n);
  CREATE TABLE later (id INTEGER PRIMARY KEY, g AS (id * 2) STORED);
  CREATE TABLE pairs (k TEXT COLLATE NOCASE, l, v, PRIMARY KEY (l, k)) WITHOUT ROWID;
  CREATE TABLE strict (a ANY, b INT) STRICT;
  CREATE VIRTUAL TABLE docs USING fts5(body);
  CREATE VIRTUAL TABLE old_docs USING fts4(body);
  CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1);
  CREATE TABLE log (n);
  CREATE INDEX by_a ON plain (lower(a)) WHERE b IS NOT NULL;
  CREATE VIEW shown AS SELECT * FROM plain;
  CREATE TRIGGER fired AFTER INSERT ON plain BEGIN INSERT INTO log VALUES (1); END;
  INSERT INTO plain (rowid, a, b) VALUES (5, 'x', 1), (9, NULL, 1.0), (10, CAST(x'ff00' AS TEXT), x'00');
  INSERT INTO later (id) VALUES (1), (7);
  INSERT INTO ids (p, n) VALUES (1, 'a'), (7, 'b'), (NULL, 'c');
  DELETE FROM ids WHERE id = 3;
  INSERT INTO pairs VALUES ('K', 1, 2), ('L', 1, 3);
  INSERT INTO strict VALUES ('1', 1), (1, 1), (1.0, NULL);
  INSERT INTO docs VALUES ('hello world'), ('goodbye');
  INSERT INTO old_docs VALUES ('hello again');
  INSERT INTO boxes VALUES (1, 0, 5), (2, 3, 9);
  PRAGMA user_version = 12;
  PRAGMA application_id = 99;
  ANALYZE;`;

test('an imported file is there as it was, on the primary and on its replica', () => {
  using pair = new ReplicatedPair();
  const file = makeSource(pair, everything);
  assert.equal(importAll(pair, file), 1);
  assert.equal(hex(pair.primaryFile), hex(file));
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica("SELECT body FROM docs WHERE docs MATCH 'hello'"), [{ body: 'hello world' }]);
});

test('after an import everything can be written at once, and foreign keys are enforced again', () => {
  using pair = new ReplicatedPair();
  importAll(pair, makeSource(pair, everything));
  pair.run(
    "INSERT INTO docs VALUES ('hello there')",
    "INSERT INTO old_docs VALUES ('hello')",
    'INSERT INTO boxes VALUES (3, 4, 5)',
  );
  pair.run("INSERT INTO plain VALUES ('new', 1)");
  assert.deepEqual(pair.run("SELECT body FROM docs WHERE docs MATCH 'hello' ORDER BY rowid").rows, [
    ['hello world'],
    ['hello there'],
  ]);
  assert.deepEqual(pair.run("INSERT INTO ids (n) VALUES ('d') RETURNING id").rows, [[4]]);
  assert.throws(() => pair.run('INSERT INTO ids (p) VALUES (99)'), { code: 'CONSTRAINT_VIOLATION' });
  assert.equal(pair.queryReplica('SELECT count(*) AS n FROM log')[0]?.n, 4);
  pair.assertEqual();
});

test('a large file comes in chunks below the limit of a record', () => {
  using pair = new ReplicatedPair({ maxTransactionBytes: 300_000 });
  const file = makeSource(
    pair,
    `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE VIRTUAL TABLE f USING fts5(a);
     WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
     INSERT INTO t SELECT i, 'some text of row ' || i FROM n;
     INSERT INTO f SELECT a FROM t`,
  );
  const chunks = importAll(pair, file, { chunkBytes: 100_000 });
  assert.ok(chunks > 8, String(chunks));
  assert.equal(hex(pair.primaryFile), hex(file));
  pair.assertEqual();
  assert.equal(pair.queryReplica("SELECT count(*) AS n FROM f WHERE f MATCH '19999'")[0]?.n, 1);
});

test('what cannot be imported is refused before anything is written', () => {
  using pair = new ReplicatedPair();
  const utf16 = makeSource(pair, "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (a)", 'utf16');
  const unidentified = makeSource(pair, 'CREATE TABLE t (rowid, _rowid_, oid)', 'unidentified');
  const wide = makeSource(pair, `CREATE TABLE t (${Array.from({ length: 1950 }, (_, i) => `c${i}`).join()})`, 'wide');
  const module = makeSource(pair, 'CREATE TABLE t (a); CREATE VIRTUAL TABLE v USING dbstat', 'module');
  const miscounted = makeSource(
    pair,
    `CREATE TABLE t (a PRIMARY KEY REFERENCES t DEFERRABLE INITIALLY DEFERRED);
     CREATE TRIGGER g BEFORE DELETE ON t BEGIN UPDATE t SET a = 1; END`,
    'miscounted',
  );
  const own = path.join(pair.directory, 'own');
  fs.copyFileSync(pair.replicaFile, own);
  fs.copyFileSync(`${pair.replicaFile}-wal`, `${own}-wal`);
  const noDatabase = path.join(pair.directory, 'text');
  fs.writeFileSync(noDatabase, 'this is no database file, but it is long enough to be looked at '.repeat(20));
  const missing = path.join(pair.directory, 'missing');
  const codes = [utf16, unidentified, wide, module, miscounted, own, noDatabase, missing].map((file) => {
    try {
      importAll(pair, file);
      return 'imported';
    } catch (error) {
      return (error as { code: string }).code;
    }
  });
  const unsupported = 'UNSUPPORTED_STATEMENT';
  assert.deepEqual(codes, [...new Array(6).fill(unsupported), 'DATABASE_CORRUPT', 'IO_ERROR']);
  assert.ok(pair.primary.isEmpty);
  pair.run('CREATE TABLE t (a)');
  assert.throws(() => importAll(pair, makeSource(pair, 'CREATE TABLE u (a)')), { code: 'INVALID_ARGUMENT' });
  pair.assertEqual();
});

test('an import that is given up leaves a connection that works', () => {
  using pair = new ReplicatedPair();
  const file = makeSource(
    pair,
    'CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3); CREATE TABLE u (a REFERENCES t (a))',
  );
  for (const { captured } of importDatabase(pair.primary, file, { chunkSteps: 2 })) {
    assert.ok(captured.operations.length > 0);
    break;
  }
  assert.equal(pair.primary.inTransaction, false);
  assert.ok(pair.primary.isEmpty);
  importAll(pair, file);
  assert.equal(hex(pair.primaryFile), hex(file));
  pair.assertEqual();
});

test('an export of either side is a plain file with the same content, triggers in force', async () => {
  using pair = new ReplicatedPair();
  importAll(pair, makeSource(pair, everything));
  pair.replica.begin();
  pair.replica.writePosition({ txId: 41, term: 1, hash: Buffer.alloc(32) });
  pair.replica.commit();
  for (const [source, txId] of [
    [pair.primaryFile, 0],
    [pair.replicaFile, 41],
  ] as const) {
    const target = path.join(pair.directory, `exported-${txId}.sqlite`);
    assert.equal(await exportDatabase(source, target), txId);
    assert.equal(hex(target), hex(pair.primaryFile));
    const db = new DatabaseSync(target);
    db.exec("INSERT INTO plain VALUES ('fires', 1); INSERT INTO docs (docs) VALUES ('integrity-check')");
    assert.equal(db.prepare('SELECT count(*) AS n FROM log').get()?.n, 4);
    assert.equal(db.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name LIKE '%quorate%'").get()?.n, 0);
    assert.equal(db.prepare('PRAGMA journal_mode').get()?.journal_mode, 'delete');
    db.close();
  }
  assert.deepEqual(
    fs.readdirSync(pair.directory).filter((name) => name.includes('part')),
    [],
  );
});

test('an export never overwrites a file', async () => {
  using pair = new ReplicatedPair();
  const target = path.join(pair.directory, 'there');
  fs.writeFileSync(target, 'precious');
  await assert.rejects(exportDatabase(pair.primaryFile, target), { code: 'INVALID_ARGUMENT' });
  assert.equal(fs.readFileSync(target, 'utf8'), 'precious');
});

test('the digest differs for every kind of difference', () => {
  using pair = new ReplicatedPair();
  const base = "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'x'), (2, NULL);";
  const digests = [
    base,
    `${base} UPDATE t SET a = 1.0 WHERE a = 1`,
    `${base} UPDATE t SET b = x'78' WHERE a = 1`,
    `${base} UPDATE t SET b = 'X' WHERE a = 1`,
    `${base} UPDATE t SET b = 'x' || char(0) WHERE a = 1`,
    `${base} UPDATE t SET b = '' WHERE a = 2`,
    `${base} UPDATE t SET rowid = 3 WHERE a = 2`,
    `${base} DELETE FROM t WHERE a = 2`,
    `${base} CREATE INDEX i ON t (a)`,
    `${base} PRAGMA user_version = 1`,
    `${base} CREATE TABLE u (a)`,
    `${base} UPDATE t SET a = -0.0 WHERE a = 1`,
    `${base} UPDATE t SET a = 0.0 WHERE a = 1`,
  ].map((sql, i) => hex(makeSource(pair, sql, `digest-${i}`)));
  assert.equal(new Set(digests).size, digests.length);
  assert.equal(hex(makeSource(pair, `${base} ANALYZE`, 'same')), digests[0]);
});
