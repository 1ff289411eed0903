import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import {
  carrySnapshot,
  contentDigest,
  primarySettings,
  replicaSettings,
  TestFolder,
} from '../../test/test-database.ts';
import { PinnedSnapshot } from '../sqlite/interface.ts';
import { Database } from './database.ts';

/** A primary whose snapshots are read from its own file, however small it is. */
async function primaryWithRows(folder: TestFolder, limits: { snapshotWalBytes?: number } = {}): Promise<Database> {
  const database = await Database.create(
    folder.context('primary', { snapshotCopyBytes: 0, ...limits }),
    primarySettings,
  );
  await database.writer.transact([{ sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)' }]);
  await insert(database, 20);
  return database;
}

async function insert(database: Database, rows: number): Promise<void> {
  for (let row = 0; row < rows; row += 1) {
    await database.writer.transact([{ sql: 'INSERT INTO t (v) VALUES (randomblob(30000))' }]);
  }
}

const copies = (database: Database) => readdirSync(path.join(database.directory, 'snapshots'));
/** Writes until the database file is another one than it was. */
async function writeUntilFileChanges(database: Database): Promise<void> {
  const before = readFileSync(database.filePath);
  for (let round = 0; round < 1000; round += 1) {
    await insert(database, 20);
    if (!before.equals(readFileSync(database.filePath))) {
      return;
    }
  }
  assert.fail('nothing is moved into the database file');
}

test('a snapshot without a copy has nothing of what is written while it is read', async () => {
  using folder = new TestFolder();
  await using primary = await primaryWithRows(folder);
  await using replica = await Database.create(folder.context('replica'), replicaSettings);
  const expected = await contentDigest(primary);
  using lease = await primary.snapshots.acquire('');
  await carrySnapshot(lease, replica, 0, 100_000);
  // More than SQLite leaves in its WAL by itself.
  await insert(primary, 400);
  await carrySnapshot(lease, replica, 100_000);
  assert.deepEqual(copies(primary), []);
  await replica.inbox.install(await lease.sha256());
  assert.equal(replica.positions().applied, 21);
  assert.equal(await contentDigest(replica), expected);
});

test('when everybody has all of a snapshot, its database file is let go of', async () => {
  using folder = new TestFolder();
  await using primary = await primaryWithRows(folder);
  const lease = await primary.snapshots.acquire('');
  await lease.sha256();
  lease[Symbol.dispose]();
  await writeUntilFileChanges(primary);
  // And it can be frozen again.
  using next = await primary.snapshots.acquire(lease.header.snapshotId);
  assert.notEqual(next.header.snapshotId, lease.header.snapshotId);
  assert.deepEqual(copies(primary), []);
});

test('a reader that broke off finds the same snapshot again', async () => {
  using folder = new TestFolder();
  await using primary = await primaryWithRows(folder);
  const first = await primary.snapshots.acquire('');
  first[Symbol.dispose]();
  await insert(primary, 10);
  using again = await primary.snapshots.acquire(first.header.snapshotId);
  assert.deepEqual(again.header, first.header);
});

test('when the WAL gets too long, the snapshot goes on from a copy, and the database file is let go of', async () => {
  using folder = new TestFolder();
  await using primary = await primaryWithRows(folder, { snapshotWalBytes: 1024 * 1024 });
  await using replica = await Database.create(folder.context('replica'), replicaSettings);
  const expected = await contentDigest(primary);
  using lease = await primary.snapshots.acquire('');
  await carrySnapshot(lease, replica, 0, 100_000);
  await writeUntilFileChanges(primary);
  assert.equal(copies(primary).length, 1);
  await carrySnapshot(lease, replica, 100_000);
  await replica.inbox.install(await lease.sha256());
  assert.equal(await contentDigest(replica), expected);
});

test('while somebody reads what was there before, the file cannot be frozen, and the snapshot is a copy', async () => {
  using folder = new TestFolder();
  await using primary = await primaryWithRows(folder);
  using _earlier = PinnedSnapshot.open(primary.filePath);
  await insert(primary, 1);
  using lease = await primary.snapshots.acquire('');
  assert.equal(lease.header.position.txId, 22);
  assert.equal(copies(primary).length, 1);
});

test('a database that is closed while a snapshot is read from its file says so, and is sound', async () => {
  using folder = new TestFolder();
  const primary = await primaryWithRows(folder);
  const expected = await contentDigest(primary);
  using lease = await primary.snapshots.acquire('');
  await primary[Symbol.asyncDispose]();
  await assert.rejects(lease.read(Buffer.alloc(100), 0), { code: 'UNAVAILABLE' });
  await using again = await Database.open(folder.context('primary'));
  assert.equal(await contentDigest(again), expected);
});

/** Locks that this process has on a file, as Linux lists them: number, kind, process, device and inode. */
function locksOn(filePath: string): number {
  const { ino } = statSync(filePath);
  const isIt = new RegExp(`POSIX .* ${process.pid} [0-9a-f]+:[0-9a-f]+:${ino} `);
  return readFileSync('/proc/locks', 'utf8')
    .split('\n')
    .filter((line) => isIt.test(line)).length;
}

test('neither a snapshot nor the status takes away the locks by which other processes see that the file is in use', {
  skip: existsSync('/proc/locks') ? false : 'only Linux lists the locks of a process',
}, async () => {
  using folder = new TestFolder();
  await using primary = await primaryWithRows(folder);
  assert.ok(locksOn(primary.filePath) > 0);
  const lease = await primary.snapshots.acquire('');
  await lease.sha256();
  lease[Symbol.dispose]();
  // That the second can be made shows that the first was let go of.
  using _next = await primary.snapshots.acquire('');
  primary.gauges.storage();
  assert.ok(locksOn(primary.filePath) > 0);
});
