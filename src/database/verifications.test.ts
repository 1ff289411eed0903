import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { catchUp, hasCode, primarySettings, replicaSettings, TestFolder } from '../../test/test-database.ts';
import { Database } from './database.ts';

const marker = '00112233445566778899aabbccddeeff';
const limits = { rangeRows: 100, rangeBytes: 1 << 20, answerBytes: 1 << 24 };
const nothing = new Uint8Array(0);

async function filled(folder: TestFolder): Promise<Database> {
  const database = await Database.create(folder.context('one'), primarySettings);
  await database.writer.transact([{ sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)' }]);
  await database.writer.transact([
    { sql: "WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO t SELECT i, 'x' FROM n" },
  ]);
  return database;
}

/** Writes without end, many at once, until it is told to stop. */
function load(database: Database): () => Promise<void> {
  let stopped = false;
  const write = async (from: number) => {
    for (let id = from; !stopped; id += 4) {
      await database.writer.transact([{ sql: 'INSERT INTO t (v) VALUES (?)', parameters: [String(id)] }]);
    }
  };
  const running = Promise.all([1, 2, 3, 4].map(write));
  return async () => {
    stopped = true;
    await running;
  };
}

test('two nodes pin exactly the same transaction while writes go on', async () => {
  using folder = new TestFolder();
  await using primary = await filled(folder);
  await using replica = await Database.create(folder.context('two'), replicaSettings);
  await catchUp(primary, replica);
  const stop = load(primary);
  await Promise.all([primary.verifications.prepare(marker), replica.verifications.prepare(marker)]);
  const markerTxId = await primary.verifications.write(marker);
  await stop();
  await catchUp(primary, replica);
  const overviews = await Promise.all([
    primary.verifications.ask(marker, 'overview', {}),
    replica.verifications.ask(marker, 'overview', {}),
  ]);
  assert.equal(overviews[0].txId, markerTxId);
  assert.deepEqual(overviews[1], overviews[0]);
  assert.ok(replica.positions().applied > markerTxId, 'the replica went on behind the marker');
  const [one, two] = await Promise.all([
    primary.verifications.ask(marker, 'ranges', { table: 't', after: nothing, limits }),
    replica.verifications.ask(marker, 'ranges', { table: 't', after: nothing, limits }),
  ]);
  assert.ok(one.length >= 5);
  assert.deepEqual(two, one);
});

test('a row that was edited by hand makes its range differ', async () => {
  using folder = new TestFolder();
  await using primary = await filled(folder);
  {
    await using replica = await Database.create(folder.context('two'), replicaSettings);
    await catchUp(primary, replica);
  }
  const edit = new DatabaseSync(`${folder.path}/two/content-1/data.sqlite`);
  edit.exec("UPDATE t SET v = 'edited' WHERE id = 250");
  edit.close();
  await using replica = await Database.open(folder.context('two'));
  await Promise.all([primary.verifications.prepare(marker), replica.verifications.prepare(marker)]);
  await primary.verifications.write(marker);
  await catchUp(primary, replica);
  const ranges = await primary.verifications.ask(marker, 'ranges', { table: 't', after: nothing, limits });
  const theirs = await replica.verifications.ask(marker, 'measure', { table: 't', ranges });
  const same = ranges.map(({ digest }, i) => Buffer.compare(digest, theirs[i]!.digest) === 0);
  assert.deepEqual(same, [true, true, false, true, true]);
});

test('a verification that was ended frees the writer and its place, and there is a limit on their number', async () => {
  using folder = new TestFolder();
  await using primary = await filled(folder);
  const markers = [...'abcdef01'].map((digit) => digit.repeat(32));
  await Promise.all(markers.map((id) => primary.verifications.prepare(id)));
  await assert.rejects(primary.verifications.prepare(marker), hasCode('OVERLOADED'));
  await Promise.all(markers.map((id) => primary.verifications.end(id)));
  await primary.verifications.write(markers[0]!);
  await primary.verifications.prepare(marker);
  await primary.verifications.write(marker);
  await primary.writer.transact([{ sql: "INSERT INTO t (v) VALUES ('after')" }]);
  assert.equal((await primary.verifications.ask(marker, 'overview', {})).txId, 4);
  await assert.rejects(primary.verifications.ask(markers[1]!, 'overview', {}), hasCode('INVALID_ARGUMENT'));
});

test('only a primary writes markers', async () => {
  using folder = new TestFolder();
  await using replica = await Database.create(folder.context('two'), replicaSettings);
  await assert.rejects(replica.verifications.write(marker), hasCode('WRONG_ROLE'));
});
