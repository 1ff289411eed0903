import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { catchUp, hasCode, primarySettings, replicaSettings, TestFolder } from '../../test/test-database.ts';
import { Database } from './database.ts';

const back = { commonTxId: 5, mayGoBack: true };
const insert = (v: string) => [{ sql: 'INSERT INTO t (v) VALUES (?)', parameters: [v] }];

/** Carries a snapshot from one database to another and installs it. */
async function seed(from: Database, to: Database): Promise<void> {
  using lease = await from.snapshots.acquire('');
  const { sizeBytes } = lease.header;
  const content = Buffer.alloc(sizeBytes);
  await lease.read(content, 0);
  await to.inbox.begin(lease.header, 0, 0);
  await to.inbox.write(0, content);
  await to.inbox.install(await lease.sha256());
}

/** A primary, and a former primary that has transactions of its own after the fifth and now is a replica. */
async function parted(folder: TestFolder, extra: readonly string[]): Promise<{ primary: Database; former: Database }> {
  {
    await using common = await Database.create(folder.context('former'), primarySettings);
    await common.writer.transact([{ sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE)' }]);
    for (const v of ['a', 'b', 'c', 'd']) {
      await common.writer.transact(insert(v));
    }
  }
  cpSync(path.join(folder.path, 'former'), path.join(folder.path, 'primary'), { recursive: true });
  const former = await Database.open(folder.context('former'));
  for (const sql of extra) {
    await former.writer.transact([{ sql }]);
  }
  await former.updateSettings(replicaSettings);
  const primary = await Database.open(folder.context('primary'));
  await primary.writer.transact(insert('the other e'));
  return { primary, former };
}

test('a former primary saves its extra transactions, goes back and follows again', async () => {
  using folder = new TestFolder();
  const { primary, former } = await parted(folder, [
    "INSERT INTO t (v) VALUES ('mine')",
    "UPDATE t SET v = 'changed' WHERE id = 2",
    'DELETE FROM t WHERE id = 3',
  ]);
  await using one = primary;
  await using two = former;
  const report = await two.mending.rejoin(back);
  assert.deepEqual([report.commonTxId, report.transactions], [5, 3]);
  assert.deepEqual(two.positions(), { ...two.positions(), tip: 5, durable: 5, commit: 5, applied: 5 });
  const [head, ...lines] = readFileSync(report.file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual([head.database, head.lastCommon.txId, head.applied], ['former', 5, 8]);
  assert.deepEqual(
    lines.map(({ txId, kind, table, key, before, after }) => ({ txId, kind, table, key, before, after })),
    [
      { txId: 6, kind: 'insert', table: 't', key: { id: 5 }, before: undefined, after: { v: 'mine' } },
      { txId: 7, kind: 'update', table: 't', key: { id: 2 }, before: { v: 'b' }, after: { v: 'changed' } },
      { txId: 8, kind: 'delete', table: 't', key: { id: 3 }, before: { v: 'c' }, after: undefined },
    ],
  );
  assert.match(lines[0].time, /^\d{4}-\d\d-\d\dT/);
  await catchUp(one, two);
  assert.deepEqual(await two.digest(), await one.digest());
});

test('a snapshot of the history that was given up is given to nobody any more', async () => {
  using folder = new TestFolder();
  const { primary, former } = await parted(folder, ["INSERT INTO t (v) VALUES ('mine')"]);
  await using one = primary;
  await using two = former;
  const before = await two.snapshots.acquire('');
  assert.equal(before.header.position.txId, 6);
  before[Symbol.dispose]();
  await two.mending.rejoin(back);
  using after = await two.snapshots.acquire(before.header.snapshotId);
  assert.equal(after.header.position.txId, 5);
  assert.equal(one.positions().tip, 6);
});

test('what cannot be taken back from the log is saved, and only a snapshot is taken then, also after a restart', async () => {
  using folder = new TestFolder();
  const { primary, former } = await parted(folder, ["INSERT INTO t (v) VALUES ('mine')", 'CREATE TABLE more (x)']);
  await using one = primary;
  {
    await using two = former;
    const before = await two.digest();
    const { snapshot, transactions, file } = await two.mending.rejoin(back);
    assert.deepEqual([snapshot, transactions], [true, 2]);
    assert.match(readFileSync(file, 'utf8'), /"kind":"schema","sql":"CREATE TABLE more \(x\)"/);
    assert.deepEqual(await two.digest(), before);
    assert.equal(two.positions().tip, 7);
  }
  await using again = await Database.open(folder.context('former'));
  assert.equal(again.inbox.isRequired, true);
  await seed(one, again);
  assert.equal(again.inbox.isRequired, false);
  assert.deepEqual(await again.digest(), await one.digest());
});

test('a snapshot replaces committed transactions only while they are the ones that were saved', async () => {
  using folder = new TestFolder();
  const { primary, former } = await parted(folder, ["INSERT INTO t (v) VALUES ('mine')", 'CREATE TABLE more (x)']);
  await using one = primary;
  await using two = former;
  await assert.rejects(seed(one, two), hasCode('DIVERGED'));
  await two.mending.rejoin(back);
  // As a primary it gets a transaction that nobody has saved.
  await two.updateSettings({ ...two.settings, role: 'primary', replication: { enabled: false } });
  await two.writer.transact(insert('newer'));
  await two.updateSettings(replicaSettings);
  assert.equal(two.inbox.isRequired, false);
  await assert.rejects(seed(one, two), hasCode('DIVERGED'));
});

test('where the logs do not reach back to a transaction in common all that there is is saved', async () => {
  using folder = new TestFolder();
  const { primary, former } = await parted(folder, ["INSERT INTO t (v) VALUES ('mine')"]);
  await using one = primary;
  await using two = former;
  const { snapshot, transactions, file } = await two.mending.rejoin({ commonTxId: undefined, mayGoBack: true });
  assert.deepEqual([snapshot, transactions], [true, 6]);
  const [head, ...lines] = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(head.lastCommon, null);
  assert.deepEqual([...new Set(lines.map(({ txId }) => txId))], [1, 2, 3, 4, 5, 6]);
  assert.equal(one.positions().tip, 6);
});

test('records of an earlier term that nobody can compare any more are saved before a snapshot takes their place', async () => {
  using folder = new TestFolder();
  const { primary, former } = await parted(folder, ["INSERT INTO t (v) VALUES ('mine')"]);
  await using one = primary;
  await using two = former;
  await one.updateSettings(replicaSettings);
  await one.updateSettings({ ...primarySettings, term: one.settings.term });
  await one.writer.transact(insert('of the next term'));
  const saved = path.join(two.directory, 'saved');
  await seed(one, two);
  assert.deepEqual(await two.digest(), await one.digest());
  const [file = '', ...others] = readdirSync(saved);
  assert.equal(others.length, 0);
  assert.match(readFileSync(path.join(saved, file), 'utf8'), /"after":\{"v":"mine"\}/);
});

test('records of the same term are in the snapshot and are not saved', async () => {
  using folder = new TestFolder();
  await using primary = await Database.create(folder.context('primary'), primarySettings);
  await using replica = await Database.create(folder.context('replica'), replicaSettings);
  await primary.writer.transact([{ sql: 'CREATE TABLE t (v)' }]);
  await catchUp(primary, replica);
  await primary.writer.transact(insert('later'));
  await seed(primary, replica);
  assert.deepEqual(await replica.digest(), await primary.digest());
  assert.equal(existsSync(path.join(replica.directory, 'saved')), false);
});

test('what a replica is fed after its transactions were saved does not give way to a snapshot', async () => {
  using folder = new TestFolder();
  const { primary, former } = await parted(folder, ["INSERT INTO t (v) VALUES ('mine')", 'CREATE TABLE more (x)']);
  await using one = primary;
  await former[Symbol.asyncDispose]();
  cpSync(path.join(folder.path, 'former'), path.join(folder.path, 'ahead'), { recursive: true });
  await using ahead = await Database.open(folder.context('ahead'));
  await ahead.updateSettings(primarySettings);
  await ahead.writer.transact(insert('newer'));
  await using two = await Database.open(folder.context('former'));
  await two.mending.rejoin(back);
  await catchUp(ahead, two);
  assert.equal(two.inbox.isRequired, true);
  await assert.rejects(seed(one, two), hasCode('DIVERGED'));
});

test('a crash after SQLite went back and before the log was cut leaves a replica that opens and may be cut', async () => {
  using folder = new TestFolder();
  const { primary, former } = await parted(folder, ["INSERT INTO t (v) VALUES ('mine')"]);
  await using one = primary;
  await former[Symbol.asyncDispose]();
  const log = path.join(folder.path, 'former', 'content-1', 'log');
  const saved = path.join(folder.path, 'log-before');
  cpSync(log, saved, { recursive: true });
  {
    await using two = await Database.open(folder.context('former'));
    await two.mending.rejoin(back);
  }
  cpSync(saved, log, { recursive: true });
  await using again = await Database.open(folder.context('former'));
  assert.deepEqual([again.positions().applied, again.positions().tip], [5, 6]);
  assert.equal((await again.sink.ends()).committed.txId, 5);
  await again.sink.truncateAfter(5, 2);
  await catchUp(one, again);
  assert.deepEqual(await again.digest(), await one.digest());
});

test('only a replica is taken back', async () => {
  using folder = new TestFolder();
  await using primary = await Database.create(folder.context('p'), primarySettings);
  await assert.rejects(primary.mending.rejoin(back), hasCode('WRONG_ROLE'));
});
