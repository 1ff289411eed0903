import assert from 'node:assert/strict';
import { test } from 'node:test';
import { catchUp, primarySettings, replicaSettings, scalar, TestFolder } from '../../test/test-database.ts';
import { Database } from './database.ts';

const insert = [{ sql: "INSERT INTO t (v) VALUES ('x')" }];

async function open(folder: TestFolder): Promise<Database> {
  const database = await Database.create(folder.context('shop'), primarySettings);
  await database.writer.transact([{ sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)' }]);
  return database;
}

test('of transactions with the same key one takes effect, also within a group and after a restart', async () => {
  using folder = new TestFolder();
  {
    await using database = await open(folder);
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => database.writer.transact(insert, { key: 'order-1' })),
    );
    assert.deepEqual(new Set(answers.map(({ position }) => position.txId)), new Set([2]));
    assert.deepEqual(
      answers.map(({ results }) => results.length),
      [1, 0, 0, 0, 0],
    );
  }
  await using database = await Database.open(folder.context('shop'));
  assert.equal((await database.writer.transact(insert, { key: 'order-1' })).position.txId, 2);
  assert.equal((await database.writer.transact(insert, { key: 'order-2' })).position.txId, 3);
  assert.equal(await scalar(database, 'SELECT count(*) FROM t'), 2);
});

test('a replica that has become primary knows the keys', async () => {
  using folder = new TestFolder();
  await using primary = await open(folder);
  await using replica = await Database.create(folder.context('replica'), replicaSettings);
  await primary.writer.transact(insert, { key: 'order-1' });
  await catchUp(primary, replica);
  await replica.updateSettings(primarySettings);
  const { position } = await replica.writer.transact(insert, { key: 'order-1' });
  assert.deepEqual(position, { term: 1, txId: 2 });
  assert.equal(await scalar(replica, 'SELECT count(*) FROM t'), 1);
});

test('a transaction that failed does not take its key, and one that changes nothing does', async () => {
  using folder = new TestFolder();
  await using database = await open(folder);
  await assert.rejects(database.writer.transact([...insert, { sql: 'INSERT INTO nowhere VALUES (1)' }], { key: 'a' }));
  assert.equal((await database.writer.transact(insert, { key: 'a' })).position.txId, 2);
  const nothing = [{ sql: 'DELETE FROM t WHERE id = 99' }];
  assert.equal((await database.writer.transact(nothing, { key: 'b' })).position.txId, 3);
  assert.equal((await database.writer.transact(insert, { key: 'b' })).position.txId, 3);
  assert.equal(await scalar(database, 'SELECT count(*) FROM t'), 1);
});

test('a key that is too long or empty is refused', async () => {
  using folder = new TestFolder();
  await using database = await open(folder);
  for (const key of ['', 'x'.repeat(201)]) {
    await assert.rejects(database.writer.transact(insert, { key }), { code: 'INVALID_ARGUMENT' });
  }
});
