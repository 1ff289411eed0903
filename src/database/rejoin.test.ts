import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { catchUp, primarySettings, replicaSettings, TestFolder } from '../../test/test-database.ts';
import { QuorateError } from '../errors/interface.ts';
import { Database } from './database.ts';

const insert = (v: string) => [{ sql: 'INSERT INTO t (v) VALUES (?)', parameters: [v] }];

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof QuorateError && error.code === code;
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
  const report = await two.rejoin(5);
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

test('what cannot be taken back from the log is saved, and nothing else changes', async () => {
  using folder = new TestFolder();
  const { primary, former } = await parted(folder, ["INSERT INTO t (v) VALUES ('mine')", 'CREATE TABLE more (x)']);
  await using one = primary;
  await using two = former;
  const before = await two.digest();
  const error = await two.rejoin(5).catch((thrown: unknown) => thrown);
  assert.ok(hasCode('SNAPSHOT_REQUIRED')(error), String(error));
  const file = String((error as QuorateError).details?.['file']);
  assert.match(readFileSync(file, 'utf8'), /"kind":"schema","sql":"CREATE TABLE more \(x\)"/);
  assert.deepEqual(await two.digest(), before);
  assert.equal(two.positions().tip, 7);
  assert.equal(one.positions().tip, 6);
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
    await two.rejoin(5);
  }
  cpSync(saved, log, { recursive: true });
  await using again = await Database.open(folder.context('former'));
  assert.deepEqual([again.positions().applied, again.positions().tip], [5, 6]);
  assert.equal((await again.sink.ends()).committed.txId, 5);
  await again.sink.truncateAfter(5);
  await catchUp(one, again);
  assert.deepEqual(await again.digest(), await one.digest());
});

test('only a replica is taken back', async () => {
  using folder = new TestFolder();
  await using primary = await Database.create(folder.context('p'), primarySettings);
  await assert.rejects(primary.rejoin(0), hasCode('WRONG_ROLE'));
});
