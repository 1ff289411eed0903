import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { ReplicatedPair } from './testing/replicated-pair.ts';

/** The index of a full-text table agrees with its content. */
function checkIndex(file: string, table: string): void {
  const db = new DatabaseSync(file);
  try {
    db.exec(`INSERT INTO ${table} (${table}) VALUES ('integrity-check')`);
  } finally {
    db.close();
  }
}

for (const module of ['fts5', 'fts4', 'fts3']) {
  test(`${module} can be searched on the replica, and searched and written after it has become primary`, () => {
    using pair = new ReplicatedPair();
    const search = "SELECT title FROM docs WHERE docs MATCH 'engine' ORDER BY title";
    pair.run(`CREATE VIRTUAL TABLE docs USING ${module}(title, body)`);
    pair.run(
      "INSERT INTO docs VALUES ('a', 'steam engine'), ('b', 'water wheel')",
      "INSERT INTO docs VALUES ('c', 'engine')",
    );
    pair.run("UPDATE docs SET body = 'diesel engine' WHERE title = 'b'", "DELETE FROM docs WHERE title = 'a'");
    assert.deepEqual(pair.queryReplica(search), [{ title: 'b' }, { title: 'c' }]);
    pair.assertEqual();
    pair.swapRoles();
    pair.run("INSERT INTO docs VALUES ('d', 'jet engine')", "INSERT INTO docs (docs) VALUES ('optimize')");
    pair.run("DELETE FROM docs WHERE title = 'c'");
    assert.deepEqual(pair.queryPrimary(search), [{ title: 'b' }, { title: 'd' }]);
    assert.deepEqual(pair.queryReplica(search), [{ title: 'b' }, { title: 'd' }]);
    pair.assertEqual();
    checkIndex(pair.primaryFile, 'docs');
    checkIndex(pair.replicaFile, 'docs');
  });
}

test('an external-content index that triggers keep follows a table whose key is not an integer', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE TABLE docs (code TEXT PRIMARY KEY, body TEXT)',
    "CREATE VIRTUAL TABLE idx USING fts5(body, content = 'docs')",
    'CREATE TRIGGER i AFTER INSERT ON docs BEGIN INSERT INTO idx (rowid, body) VALUES (new.rowid, new.body); END',
    `CREATE TRIGGER d AFTER DELETE ON docs BEGIN
       INSERT INTO idx (idx, rowid, body) VALUES ('delete', old.rowid, old.body); END`,
    `CREATE TRIGGER u AFTER UPDATE ON docs BEGIN
       INSERT INTO idx (idx, rowid, body) VALUES ('delete', old.rowid, old.body);
       INSERT INTO idx (rowid, body) VALUES (new.rowid, new.body); END`,
  );
  pair.run("INSERT INTO docs VALUES ('x', 'red apple'), ('y', 'green apple'), ('z', 'plum')");
  pair.run("DELETE FROM docs WHERE code = 'x'", "UPDATE docs SET body = 'blue apple' WHERE code = 'z'");
  pair.assertEqual();
  const search = "SELECT code FROM docs WHERE rowid IN (SELECT rowid FROM idx WHERE idx MATCH 'apple') ORDER BY code";
  assert.deepEqual(pair.queryReplica(search), [{ code: 'y' }, { code: 'z' }]);
  pair.swapRoles();
  pair.run("INSERT INTO docs VALUES ('w', 'apple pie')");
  assert.deepEqual(pair.queryPrimary(search), [{ code: 'w' }, { code: 'y' }, { code: 'z' }]);
  pair.assertEqual();
  checkIndex(pair.replicaFile, 'idx');
});

test('R-Tree and geopoly indexes answer on the replica and after it has become primary', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, y0, y1, +label)',
    'CREATE VIRTUAL TABLE shapes USING geopoly(name)',
  );
  const square = (x: number) => `'[[${x},0],[${x + 1},0],[${x + 1},1],[${x},1],[${x},0]]'`;
  pair.run(
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
     INSERT INTO boxes SELECT i, i, i + 1, 0, 1, 'box ' || i FROM n`,
    `INSERT INTO shapes (name, _shape) VALUES ('near', ${square(0)}), ('far', ${square(50)})`,
  );
  pair.run(
    'DELETE FROM boxes WHERE id > 200',
    'UPDATE boxes SET x1 = 1000 WHERE id = 7',
    "DELETE FROM shapes WHERE name = 'far'",
  );
  const wide = 'SELECT id, label FROM boxes WHERE x1 > 500';
  assert.deepEqual(pair.queryReplica(wide), [{ id: 7, label: 'box 7' }]);
  pair.assertEqual();
  pair.swapRoles();
  pair.run(
    "INSERT INTO boxes VALUES (500, 600, 700, 0, 1, 'new')",
    `INSERT INTO shapes (name, _shape) VALUES ('x', ${square(9)})`,
  );
  assert.equal(pair.queryReplica(wide).length, 2);
  assert.deepEqual(pair.queryReplica("SELECT rtreecheck('boxes') AS ok"), [{ ok: 'ok' }]);
  pair.assertEqual();
});

test('writes to virtual tables that are undone leave no trace, those before them stay', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE VIRTUAL TABLE f USING fts5(a)', 'CREATE TABLE t (a)');
  pair.run(
    "INSERT INTO f VALUES ('kept')",
    'SAVEPOINT s',
    "INSERT INTO f VALUES ('undone')",
    'CREATE TABLE u (x)',
    "INSERT INTO f VALUES ('undone')",
    'ROLLBACK TO s',
    "INSERT INTO t VALUES ('plain')",
  );
  assert.throws(() => pair.run("INSERT INTO f VALUES ('undone')", 'INSERT INTO nowhere VALUES (1)'));
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT a FROM f'), [{ a: 'kept' }]);
});

test('clients of one group keep their full-text changes apart', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE VIRTUAL TABLE f USING fts5(a)');
  const { primary } = pair;
  primary.begin();
  const captured = ['one', 'two', 'three'].map((text) => {
    primary.beginClient();
    primary.run({ sql: 'INSERT INTO f VALUES (?)', parameters: [text] });
    if (text === 'two') {
      primary.abortClient();
      return undefined;
    }
    return primary.endClient();
  });
  primary.commit();
  for (const item of captured) {
    if (item !== undefined) {
      pair.apply(item);
    }
  }
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica("SELECT a FROM f WHERE f MATCH 'one OR two OR three'"), [
    { a: 'one' },
    { a: 'three' },
  ]);
});

test('the sign of a zero is no difference between full-text tables', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE VIRTUAL TABLE f USING fts5(a)', 'INSERT INTO f VALUES (0.0)');
  pair.run('UPDATE f SET a = -a');
  pair.assertEqual();
});

test('virtual tables are renamed and dropped on both sides', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE VIRTUAL TABLE f USING fts5(a)', 'CREATE VIRTUAL TABLE r USING rtree(id, a, b)');
  pair.run("INSERT INTO f VALUES ('x')", 'INSERT INTO r VALUES (1, 2, 3)');
  pair.run(
    'ALTER TABLE f RENAME TO g',
    "INSERT INTO g VALUES ('y')",
    'ALTER TABLE r RENAME TO q',
    'INSERT INTO q VALUES (2, 3, 4)',
  );
  pair.assertEqual();
  pair.run('DROP TABLE g', 'DROP TABLE q', 'CREATE TABLE g (a)', 'INSERT INTO g VALUES (1)');
  pair.assertEqual();
});

test('an ordinary table that SQLite would take for a part of a virtual table is refused', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE late_content (a)');
  pair.run("CREATE VIRTUAL TABLE docs USING fts5(a, content = '')");
  assert.throws(() => pair.run('CREATE TABLE docs_content (a)'), { code: 'UNSUPPORTED_STATEMENT' });
  assert.throws(() => pair.run("CREATE VIRTUAL TABLE late USING fts5(a, content = '')"), {
    code: 'UNSUPPORTED_STATEMENT',
  });
  assert.throws(() => pair.run('DELETE FROM docs_data'), { code: 'UNSUPPORTED_STATEMENT' });
  pair.run('INSERT INTO late_content VALUES (1)');
  pair.assertEqual();
});

test('vocabulary tables are replicated as what they are: a view of an index', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE VIRTUAL TABLE f USING fts5(a)',
    "CREATE VIRTUAL TABLE vocab USING fts5vocab(f, 'row')",
    "INSERT INTO f VALUES ('x y x')",
  );
  pair.assertEqual();
  assert.deepEqual(pair.queryReplica('SELECT term, cnt FROM vocab'), [
    { term: 'x', cnt: 2 },
    { term: 'y', cnt: 1 },
  ]);
});
