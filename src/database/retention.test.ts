import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { primarySettings, scalar, TestFolder } from '../../test/test-database.ts';
import { createNodeRuntime, nodeFileSystem } from '../runtime/interface.ts';
import { Database } from './database.ts';
import { DiskFloor } from './disk-floor.ts';
import { ReplicaHolds } from './replica-holds.ts';

const kibibyte = 1024;
const smallLog = {
  logSegmentBytes: 64 * kibibyte,
  logRetentionBytes: 256 * kibibyte,
  logRetentionMaxBytes: 1024 * kibibyte,
};

/** Writes about `count` times 50 KiB of log. */
async function fill(database: Database, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await database.writer.transact([{ sql: 'INSERT INTO t (v) VALUES (randomblob(51200))' }]);
  }
}

/** The log is looked at once a second, when something is written. */
async function dropped(database: Database): Promise<number> {
  for (const end = Date.now() + 20_000; database.source.firstTxId() === 1 && Date.now() < end; ) {
    await fill(database, 1);
  }
  return database.source.firstTxId();
}

async function open(folder: TestFolder): Promise<Database> {
  const database = await Database.create(folder.context('shop', smallLog), primarySettings);
  await database.writer.transact([{ sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)' }]);
  return database;
}

test('a log that nobody needs stays near its size, and its database opens again with all its rows', async () => {
  using folder = new TestFolder();
  let rows: unknown;
  {
    await using database = await open(folder);
    await fill(database, 40);
    assert.ok((await dropped(database)) > 1);
    rows = await scalar(database, 'SELECT count(*) FROM t');
    await assert.rejects(database.source.read(1, 1000), { code: 'SNAPSHOT_REQUIRED' });
  }
  await using again = await Database.open(folder.context('shop', smallLog));
  assert.equal(await scalar(again, 'SELECT count(*) FROM t'), rows);
  assert.ok(again.source.firstTxId() > 1);
});

test('the log is kept for a replica that is away, across a restart, and no longer once it is forgotten', async () => {
  using folder = new TestFolder();
  {
    await using database = await open(folder);
    database.source.hold('r1', 'replica', 2);
  }
  await using database = await Database.open(folder.context('shop', { ...smallLog, logRetentionMaxBytes: 2 ** 40 }));
  await fill(database, 40);
  for (const end = Date.now() + 1_500; Date.now() < end; ) {
    await fill(database, 1);
  }
  assert.ok(database.source.firstTxId() <= 3, String(database.source.firstTxId()));
  assert.deepEqual(
    database.gauges.storage().holds.map(({ replicaName, durableTxId, lost }) => ({ replicaName, durableTxId, lost })),
    [{ replicaName: 'replica', durableTxId: 2, lost: false }],
  );
  assert.equal(database.forgetReplica('replica'), true);
  assert.equal(database.forgetReplica('replica'), false);
  for (const end = Date.now() + 20_000; database.source.firstTxId() <= 3 && Date.now() < end; ) {
    await fill(database, 1);
  }
  assert.ok(database.source.firstTxId() > 3);
});

test('a replica beyond the cap loses its hold, which is shown', async () => {
  using folder = new TestFolder();
  await using database = await open(folder);
  database.source.hold('r1', 'replica', 1);
  await fill(database, 40);
  assert.ok((await dropped(database)) > 2);
  assert.equal(database.gauges.storage().holds[0]?.lost, true);
});

test('a replica that says nothing for long is forgotten', () => {
  using folder = new TestFolder();
  let nowMs = 1_000_000;
  const runtime = { ...createNodeRuntime(), clock: { nowMs: () => nowMs, monotonicMs: () => nowMs } };
  const needed: number[] = [];
  const { directory } = folder.context('shop');
  nodeFileSystem.makeDirectorySync(directory);
  const options = { runtime, directory, database: 'shop', retentionAgeMs: 1000, firstTxId: () => 1 };
  const holds = new ReplicaHolds({ ...options, onNeeded: (txId) => needed.push(txId) });
  holds.note({ replicaId: 'old', replicaName: 'old', durableTxId: 5 });
  nowMs += 2000;
  holds.note({ replicaId: 'new', replicaName: 'new', durableTxId: 9 });
  holds.close();
  assert.deepEqual(needed, [6, 10]);
  const again = new ReplicaHolds({ ...options, onNeeded: () => {} });
  assert.deepEqual(
    again.list().map(({ replicaId }) => replicaId),
    ['new'],
  );
});

test('writes are refused while too little is free, and accepted again by themselves', () => {
  let freeBytes = 10;
  let nowMs = 0;
  let asked = 0;
  const floor = new DiskFloor({
    files: {
      ...nodeFileSystem,
      freeBytesSync: () => {
        asked += 1;
        return freeBytes;
      },
    },
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    directory: '/',
    minFreeBytes: 100,
  });
  assert.throws(() => floor.check(), { code: 'DISK_FULL' });
  freeBytes = 1000;
  assert.throws(() => floor.check(), { code: 'DISK_FULL' });
  nowMs += 1000;
  floor.check();
  assert.equal(asked, 2);
});

test('a database below its floor refuses writes and goes on to be read', async () => {
  using folder = new TestFolder();
  await using first = await open(folder);
  await first[Symbol.asyncDispose]();
  await using database = await Database.open(folder.context('shop', { minFreeBytes: 2 ** 60 }));
  await assert.rejects(database.writer.transact([{ sql: 'DELETE FROM t' }]), { code: 'DISK_FULL' });
  assert.match((await database.digest()).digest.length.toString(), /^32$/);
});

test('a content folder that does not count is removed when the database is opened', async () => {
  using folder = new TestFolder();
  const { directory } = folder.context('shop');
  {
    await using _database = await open(folder);
  }
  nodeFileSystem.makeDirectorySync(path.join(directory, 'content-2', 'log'));
  await using _again = await Database.open(folder.context('shop'));
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.startsWith('content')),
    ['content-1'],
  );
});

test('an import stops at the floor and leaves nothing of itself', async () => {
  using folder = new TestFolder();
  const exported = path.join(folder.path, 'plain.sqlite');
  {
    await using source = await open(folder);
    await fill(source, 2);
    await source.exportTo(exported);
  }
  await using target = await Database.create(folder.context('target', { minFreeBytes: 2 ** 60 }), primarySettings);
  await assert.rejects(target.importFrom(exported), { code: 'DISK_FULL' });
  assert.equal(target.positions().tip, 0);
});
