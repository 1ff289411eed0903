import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import {
  carrySnapshot,
  contentDigest,
  primarySettings,
  replicaSettings,
  scalar,
  TestFolder,
} from '../../test/test-database.ts';
import { QuorateError } from '../errors/interface.ts';
import { ReadConnection } from '../sqlite/interface.ts';
import { Database } from './database.ts';
import { threadedFileWork } from './file-work.ts';
import { SnapshotStore } from './snapshot-store.ts';

async function primaryWithRows(folder: TestFolder, name = 'primary', rows = 5): Promise<Database> {
  const database = await Database.create(folder.context(name), primarySettings);
  await database.writer.transact([{ sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)' }]);
  for (let row = 0; row < rows; row += 1) {
    await database.writer.transact([{ sql: 'INSERT INTO t (v) VALUES (randomblob(30000))' }]);
  }
  return database;
}

test('a snapshot that is installed makes a replica equal, at its position, and records go on from there', async () => {
  using folder = new TestFolder();
  await using primary = await primaryWithRows(folder);
  await using replica = await Database.create(folder.context('replica'), replicaSettings);
  using lease = await primary.snapshots.acquire('');
  await carrySnapshot(lease, replica);
  using before = ReadConnection.open(replica.filePath);
  await replica.inbox.install(await lease.sha256());
  assert.equal(replica.positions().applied, 6);
  assert.deepEqual(replica.databaseId, primary.databaseId);
  assert.equal(await contentDigest(replica), await contentDigest(primary));
  // A reader of the old content still has it.
  assert.equal(before.readPosition().txId, 0);
  await primary.writer.transact([{ sql: 'DELETE FROM t WHERE id = 1' }]);
  const { bytes } = await primary.source.read(7, 1000);
  await replica.sink.append(Uint8Array.from(bytes), 7, 1);
  await replica.waitFor(7, 10_000);
  assert.equal(await contentDigest(replica), await contentDigest(primary));
});

test('what was received is still there when the database is opened again, and the copy goes on from it', async () => {
  using folder = new TestFolder();
  await using primary = await primaryWithRows(folder);
  using lease = await primary.snapshots.acquire('');
  {
    await using replica = await Database.create(folder.context('replica'), replicaSettings);
    await carrySnapshot(lease, replica, 0, 50_000);
  }
  await using again = await Database.open(folder.context('replica'));
  assert.deepEqual(again.inbox.received(), { snapshotId: lease.header.snapshotId, bytes: 50_000 });
  await carrySnapshot(lease, again, 50_000);
  await again.inbox.install(await lease.sha256());
  assert.equal(await contentDigest(again), await contentDigest(primary));
  assert.equal(existsSync(path.join(again.directory, 'snapshot')), false);
});

test('a snapshot that was changed on the way is not installed, and the next copy begins anew', async () => {
  using folder = new TestFolder();
  await using primary = await primaryWithRows(folder);
  await using replica = await Database.create(folder.context('replica'), replicaSettings);
  using lease = await primary.snapshots.acquire('');
  await carrySnapshot(lease, replica, 0, 100_000);
  const rest = Buffer.alloc(lease.header.sizeBytes - 100_000);
  await lease.read(rest, 100_000);
  rest.writeUInt8(rest.readUInt8(5000) ^ 1, 5000);
  await replica.inbox.write(100_000, rest);
  await assert.rejects(replica.inbox.install(await lease.sha256()), { code: 'PROTOCOL_ERROR' });
  assert.deepEqual(replica.inbox.received(), { snapshotId: '', bytes: 0 });
  assert.equal(replica.positions().applied, 0);
});

test('a gap, and an end before everything is there, are refused', async () => {
  using folder = new TestFolder();
  await using primary = await primaryWithRows(folder);
  await using replica = await Database.create(folder.context('replica'), replicaSettings);
  using lease = await primary.snapshots.acquire('');
  await carrySnapshot(lease, replica, 0, 40_000);
  await assert.rejects(replica.inbox.write(60_000, Buffer.alloc(10)), { code: 'PROTOCOL_ERROR' });
  await assert.rejects(replica.inbox.install(await lease.sha256()), { code: 'PROTOCOL_ERROR' });
});

test('a snapshot never takes away what is committed, nor the content of another database', async () => {
  using folder = new TestFolder();
  await using primary = await primaryWithRows(folder);
  await using other = await primaryWithRows(folder, 'other');
  await using replica = await Database.create(folder.context('replica'), replicaSettings);
  using early = await primary.snapshots.acquire('');
  await carrySnapshot(early, replica);
  await replica.inbox.install(await early.sha256());
  await primary.writer.transact([{ sql: 'DELETE FROM t WHERE id = 1' }]);
  const { bytes } = await primary.source.read(7, 1000);
  await replica.sink.append(Uint8Array.from(bytes), 7, 1);
  await replica.waitFor(7, 10_000);
  await assert.rejects(replica.inbox.begin(early.header, 0, 0), { code: 'DIVERGED' });
  using foreign = await other.snapshots.acquire('');
  await assert.rejects(replica.inbox.begin(foreign.header, 0, 0), { code: 'WRONG_DATABASE' });
  assert.equal(replica.positions().applied, 7);
});

test('replicas that ask at the same time share a snapshot, and a restart removes it', async () => {
  using folder = new TestFolder();
  await using primary = await primaryWithRows(folder);
  const [one, two] = await Promise.all([primary.snapshots.acquire(''), primary.snapshots.acquire('')]);
  assert.equal(one.header.snapshotId, two.header.snapshotId);
  const snapshots = path.join(primary.directory, 'snapshots');
  assert.equal(readdirSync(snapshots).length, 1);
  one[Symbol.dispose]();
  two[Symbol.dispose]();
  using later = await primary.snapshots.acquire(one.header.snapshotId);
  assert.equal(later.header.snapshotId, one.header.snapshotId);
  later[Symbol.dispose]();
  await primary[Symbol.asyncDispose]();
  await using again = await Database.open(folder.context('primary'));
  assert.equal(existsSync(snapshots), false);
  assert.equal(await scalar(again, 'SELECT count(*) FROM t'), 5);
});

test('a snapshot that cannot be made, nor its remains removed, fails for those who asked and for nobody else', async () => {
  using folder = new TestFolder();
  const { runtime, limits } = folder.context('primary');
  let removals = 0;
  const removeSync = () => {
    removals += 1;
    if (removals > 1) {
      throw new QuorateError('IO_ERROR', 'the disk is gone');
    }
  };
  const store = new SnapshotStore({
    runtime: { ...runtime, files: { ...runtime.files, removeSync } },
    limits,
    directory: path.join(folder.path, 'snapshots'),
    fileWork: { ...threadedFileWork, run: () => Promise.reject(new QuorateError('DISK_FULL', 'there is no room')) },
    filePath: () => '',
    source: { databaseBytes: () => 0, databaseId: new Uint8Array(16), firstTxId: () => 1 },
    client: () => assert.fail('a small database is copied'),
  });
  await assert.rejects(store.acquire(''), (error: QuorateError) => error.code === 'DISK_FULL');
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([removals, store.size], [2, 0]);
});

test('a snapshot that nobody has read from for its time is removed', async () => {
  using folder = new TestFolder();
  const context = folder.context('primary', { snapshotTtlMs: 1 });
  let expire = () => {};
  const timers = {
    ...context.runtime.timers,
    after: (delayMs: number, action: () => void) => {
      if (delayMs !== 1) {
        return context.runtime.timers.after(delayMs, action);
      }
      expire = action;
      return { cancel: () => {} };
    },
  };
  await using primary = await Database.create({ ...context, runtime: { ...context.runtime, timers } }, primarySettings);
  const lease = await primary.snapshots.acquire('');
  lease[Symbol.dispose]();
  const snapshots = path.join(primary.directory, 'snapshots');
  assert.equal(readdirSync(snapshots).length, 1);
  expire();
  assert.equal(readdirSync(snapshots).length, 0);
});
