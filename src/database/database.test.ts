import assert from 'node:assert/strict';
import { copyFileSync, cpSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { catchUp, hasCode, primarySettings, replicaSettings, scalar, TestFolder } from '../../test/test-database.ts';
import { Database } from './database.ts';

const table = 'CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE)';

async function withTable(folder: TestFolder, name = 'shop', limits = {}): Promise<Database> {
  const database = await Database.create(folder.context(name, limits), primarySettings);
  await database.writer.transact([{ sql: table }]);
  return database;
}

test('every transaction gets the next id, and what changes nothing gets none', async () => {
  using folder = new TestFolder();
  await using database = await withTable(folder);
  const first = await database.writer.transact([{ sql: "INSERT INTO t (v) VALUES ('a')" }]);
  const read = await database.writer.transact([{ sql: 'SELECT * FROM t' }]);
  const second = await database.writer.transact([{ sql: "INSERT INTO t (v) VALUES ('b')" }]);
  assert.deepEqual([first.position.txId, read.position.txId, second.position.txId], [2, 2, 3]);
  assert.deepEqual(database.positions(), { tip: 3, durable: 3, commit: 3, applied: 3, term: 1 });
});

test('a transaction that fails takes nothing of its group with it and leaves no trace', async () => {
  using folder = new TestFolder();
  await using database = await withTable(folder);
  const outcomes = await Promise.allSettled(
    ['a', 'b', 'a', 'c'].map((v) =>
      database.writer.transact([
        { sql: 'INSERT INTO t (v) VALUES (?)', parameters: [`${v}-first`] },
        { sql: 'INSERT INTO t (v) VALUES (?)', parameters: [v] },
      ]),
    ),
  );
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
  );
  assert.equal(
    await scalar(database, "SELECT group_concat(v, ' ') FROM (SELECT v FROM t ORDER BY v)"),
    'a a-first b b-first c c-first',
  );
});

test('a statement that rolls the whole SQLite transaction back fails alone', async () => {
  using folder = new TestFolder();
  await using database = await withTable(folder);
  await database.writer.transact([
    { sql: "CREATE TRIGGER no BEFORE INSERT ON t WHEN new.v = 'bad' BEGIN SELECT RAISE(ROLLBACK, 'never'); END" },
  ]);
  const outcomes = await Promise.allSettled(
    ['a', 'b', 'bad', 'c', 'bad', 'd'].map((v) =>
      database.writer.transact([{ sql: 'INSERT INTO t (v) VALUES (?)', parameters: [v] }]),
    ),
  );
  assert.deepEqual(
    outcomes.map(({ status }) => status === 'fulfilled'),
    [true, true, false, true, false, true],
  );
  assert.equal(await scalar(database, "SELECT group_concat(v, '') FROM (SELECT v FROM t ORDER BY id)"), 'abcd');
});

test('an acknowledged write is there after the node ends without closing and SQLite lost its newest commits', async () => {
  using folder = new TestFolder();
  const context = folder.context('shop');
  const content = path.join(context.directory, 'content-1');
  const copy = path.join(folder.path, 'earlier');
  {
    await using database = await withTable(folder);
    await database.writer.transact([{ sql: "INSERT INTO t (v) VALUES ('early')" }]);
    cpSync(content, copy, { recursive: true });
    await database.writer.transact([{ sql: "INSERT INTO t (v) VALUES ('late')" }]);
  }
  for (const name of readdirSync(content).filter((file) => file.startsWith('data.sqlite'))) {
    rmSync(path.join(content, name));
  }
  for (const name of readdirSync(copy).filter((file) => file.startsWith('data.sqlite'))) {
    copyFileSync(path.join(copy, name), path.join(content, name));
  }
  await using database = await Database.open(context);
  assert.equal(await scalar(database, 'SELECT count(*) FROM t'), 2);
  assert.equal(database.positions().applied, 3);
});

test('a data file that is not a prefix of its log is refused', async () => {
  using folder = new TestFolder();
  {
    await using one = await withTable(folder, 'one');
    await using two = await withTable(folder, 'two');
    await one.writer.transact([{ sql: "INSERT INTO t (v) VALUES ('one')" }]);
    await two.writer.transact([{ sql: "INSERT INTO t (v) VALUES ('two')" }]);
  }
  copyFileSync(
    path.join(folder.path, 'one/content-1/data.sqlite'),
    path.join(folder.path, 'two/content-1/data.sqlite'),
  );
  await assert.rejects(Database.open(folder.context('two')), hasCode('DATABASE_CORRUPT'));
});

test('an interactive transaction sees its own writes, nobody else does, and it commits as one record', async () => {
  using folder = new TestFolder();
  await using database = await withTable(folder);
  const transaction = await database.writer.begin();
  await transaction.run({ sql: "INSERT INTO t (v) VALUES ('a')" });
  await transaction.run({ sql: "INSERT INTO t (v) VALUES ('b')" });
  const seen = await transaction.run({ sql: 'SELECT count(*) FROM t' });
  assert.deepEqual(seen.rows, [[2]]);
  assert.equal(database.positions().tip, 1);
  assert.equal((await transaction.commit()).txId, 2);
  await assert.rejects(transaction.run({ sql: 'SELECT 1' }), hasCode('TRANSACTION_CLOSED'));
});

test('a failed statement of an interactive transaction leaves no trace, and the transaction goes on', async () => {
  using folder = new TestFolder();
  await using primary = await withTable(folder);
  await using replica = await Database.create(folder.context('replica'), replicaSettings);
  const transaction = await primary.writer.begin();
  await transaction.run({ sql: "INSERT INTO t (v) VALUES ('a')" });
  await assert.rejects(
    transaction.run({ sql: "INSERT OR FAIL INTO t (v) VALUES ('b'), ('c'), ('a')" }),
    hasCode('CONSTRAINT_VIOLATION'),
  );
  await transaction.run({ sql: "INSERT INTO t (v) VALUES ('d')" });
  await transaction.commit();
  assert.equal(await scalar(primary, "SELECT group_concat(v, '') FROM (SELECT v FROM t ORDER BY id)"), 'ad');
  await catchUp(primary, replica);
  assert.deepEqual(await replica.digest(), await primary.digest());
});

test('an interactive transaction that is idle too long is rolled back and says so', async () => {
  using folder = new TestFolder();
  await using database = await withTable(folder, 'shop', { transactionIdleTimeoutMs: 20 });
  const transaction = await database.writer.begin();
  await transaction.run({ sql: "INSERT INTO t (v) VALUES ('a')" });
  await database.writer.transact([{ sql: "INSERT INTO t (v) VALUES ('after')" }]);
  await assert.rejects(transaction.commit(), hasCode('TRANSACTION_TIMEOUT'));
  assert.equal(await scalar(database, 'SELECT count(*) FROM t'), 1);
});

test('a replica has the same content, refuses writes and names its primary', async () => {
  using folder = new TestFolder();
  await using primary = await withTable(folder);
  await using replica = await Database.create(folder.context('replica'), replicaSettings);
  await primary.writer.transact([{ sql: "INSERT INTO t (v) VALUES ('a'), ('b')" }]);
  await catchUp(primary, replica);
  assert.deepEqual(await replica.digest(), await primary.digest());
  await assert.rejects(
    replica.writer.transact([{ sql: "INSERT INTO t (v) VALUES ('c')" }]),
    (error) => hasCode('READ_ONLY_REPLICA')(error) && (error as Error).message.includes('127.0.0.1:3322/shop'),
  );
});

test('a record above the commit position is durable but not shown', async () => {
  using folder = new TestFolder();
  await using primary = await withTable(folder);
  await using replica = await Database.create(folder.context('replica'), replicaSettings);
  await replica.sink.initialize(primary.databaseId ?? new Uint8Array());
  const batch = await primary.source.read(1, 1024);
  await replica.sink.append(Uint8Array.from(batch.bytes), 0, 1);
  assert.deepEqual(replica.positions(), { tip: 1, durable: 1, commit: 0, applied: 0, term: 1 });
  replica.sink.commitTo(1, 1);
  await replica.waitFor(1, 10_000);
});

test('a replica cuts what was never committed and refuses to cut what was', async () => {
  using folder = new TestFolder();
  await using primary = await withTable(folder);
  await using replica = await Database.create(folder.context('replica'), replicaSettings);
  await primary.writer.transact([{ sql: "INSERT INTO t (v) VALUES ('a')" }]);
  await replica.sink.initialize(primary.databaseId ?? new Uint8Array());
  const batch = await primary.source.read(1, 1024 * 1024);
  await replica.sink.append(Uint8Array.from(batch.bytes), 1, 1);
  await replica.waitFor(1, 10_000);
  await assert.rejects(replica.sink.truncateAfter(0, 1), hasCode('DIVERGED'));
  await replica.sink.truncateAfter(1, 1);
  assert.equal(replica.positions().tip, 1);
});

test('a replica that becomes primary accepts writes in a higher term and keeps all it had', async () => {
  using folder = new TestFolder();
  await using primary = await withTable(folder);
  const context = folder.context('replica');
  {
    await using replica = await Database.create(context, replicaSettings);
    await primary.writer.transact([{ sql: "INSERT INTO t (v) VALUES ('a')" }]);
    await catchUp(primary, replica);
    await replica.updateSettings(primarySettings);
    const { position } = await replica.writer.transact([{ sql: "INSERT INTO t (v) VALUES ('b')" }]);
    // The third is the one that begins the term.
    assert.deepEqual(position, { term: 2, txId: 4 });
  }
  await using reopened = await Database.open(context);
  assert.equal(reopened.settings.role, 'primary');
  assert.equal(await scalar(reopened, 'SELECT count(*) FROM t'), 2);
});

test('a record from another history is refused before it is logged', async () => {
  using folder = new TestFolder();
  await using one = await withTable(folder, 'one');
  await using two = await withTable(folder, 'two');
  await using replica = await Database.create(folder.context('replica'), replicaSettings);
  await catchUp(one, replica);
  await assert.rejects(replica.sink.initialize(two.databaseId ?? new Uint8Array()), hasCode('WRONG_DATABASE'));
  await two.writer.transact([{ sql: "INSERT INTO t (v) VALUES ('two')" }]);
  const batch = await two.source.read(2, 1024);
  await assert.rejects(replica.sink.append(Uint8Array.from(batch.bytes), 2, 1), hasCode('DIVERGED'));
  assert.equal(replica.positions().tip, 1);
});

test('a transaction above the size limit is refused before it is logged', async () => {
  using folder = new TestFolder();
  await using database = await withTable(folder, 'shop', { maxTransactionBytes: 100_000 });
  await assert.rejects(
    database.writer.transact([{ sql: 'INSERT INTO t (v) VALUES (?)', parameters: ['x'.repeat(200_000)] }]),
    hasCode('TRANSACTION_TOO_LARGE'),
  );
  assert.equal(database.positions().tip, 1);
  await database.writer.transact([{ sql: "INSERT INTO t (v) VALUES ('small')" }]);
});

/** How many of some writes at once are refused because of the queue. */
async function refusedOf(database: Database, count: number, value: string): Promise<number> {
  const outcomes = await Promise.allSettled(
    Array.from({ length: count }, (_, index) =>
      database.writer.transact([{ sql: 'INSERT INTO t (v) VALUES (?)', parameters: [`${value}${index}`] }]),
    ),
  );
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  assert.ok(refused.every((outcome) => hasCode('OVERLOADED')(outcome.reason)));
  return refused.length;
}

test('more requests than the queue holds are refused, not kept', async () => {
  using folder = new TestFolder();
  await using database = await withTable(folder, 'shop', { writerQueueLimit: 10 });
  assert.equal(await refusedOf(database, 15, 'small'), 5);
  await using other = await withTable(folder, 'other', { writerQueueBytes: 1024 * 1024 });
  assert.equal(await refusedOf(other, 15, 'x'.repeat(100_000)), 5);
});

test('an export is a plain SQLite file, and importing it gives the same content', async () => {
  using folder = new TestFolder();
  const file = path.join(folder.path, 'export.sqlite');
  await using database = await withTable(folder);
  await database.writer.transact([
    { sql: "INSERT INTO t (v) VALUES ('a'), ('b')" },
    { sql: 'CREATE TRIGGER up AFTER INSERT ON t BEGIN UPDATE t SET v = upper(new.v) WHERE id = new.id; END' },
  ]);
  assert.equal((await database.exportTo(file)).txId, 2);
  await using copy = await Database.create(folder.context('copy'), primarySettings);
  await copy.importFrom(file);
  assert.deepEqual((await copy.digest()).digest, (await database.digest()).digest);
});

test('a statement that returns too much fails and leaves no trace, also with RETURNING in an open transaction', async () => {
  using folder = new TestFolder();
  await using primary = await withTable(folder, 'shop', { maxResultBytes: 1000 });
  await using replica = await Database.create(folder.context('replica'), replicaSettings);
  await primary.writer.transact([{ sql: "INSERT INTO t (v) VALUES ('a')" }]);
  await assert.rejects(
    primary.writer.transact([{ sql: "SELECT printf('%2000s', v) FROM t" }]),
    hasCode('RESULT_TOO_LARGE'),
  );
  const transaction = await primary.writer.begin();
  const insert = "INSERT INTO t (v) VALUES ('b'), ('c') RETURNING printf('%600s', v)";
  await assert.rejects(transaction.run({ sql: insert }), hasCode('RESULT_TOO_LARGE'));
  await transaction.run({ sql: "INSERT INTO t (v) VALUES ('d')" });
  await transaction.commit();
  assert.equal(await scalar(primary, "SELECT group_concat(v, '') FROM t"), 'ad');
  await catchUp(primary, replica);
  assert.deepEqual(await replica.digest(), await primary.digest());
});

test('a transaction that cannot begin says so, and the database goes on', async () => {
  using folder = new TestFolder();
  await using database = await withTable(folder);
  const other = new DatabaseSync(database.filePath);
  other.exec('BEGIN IMMEDIATE');
  await assert.rejects(database.writer.begin(), hasCode('DATABASE_LOCKED'));
  other.exec('ROLLBACK');
  other.close();
  const transaction = await database.writer.begin();
  await transaction.run({ sql: "INSERT INTO t (v) VALUES ('a')" });
  assert.equal((await transaction.commit()).txId, 2);
});

test('a result with an integer that is no safe number fails and leaves no trace, and the transaction goes on', async () => {
  using folder = new TestFolder();
  await using database = await withTable(folder);
  const transaction = await database.writer.begin();
  const insert = "INSERT INTO t (v) VALUES ('a') RETURNING 9007199254740993";
  await assert.rejects(transaction.run({ sql: insert }), hasCode('INTEGER_OUT_OF_RANGE'));
  await transaction.run({ sql: "INSERT INTO t (v) VALUES ('b')" });
  await transaction.commit();
  assert.equal(await scalar(database, "SELECT group_concat(v, '') FROM t"), 'b');
});
