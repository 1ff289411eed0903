import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type DatabaseStatus, ExportSnapshotRequest } from '../src/proto/interface.ts';
import { errorFromGrpc } from '../src/replication/interface.ts';
import { parseExposition } from './exposition.ts';
import { adminPassword, follow, ServerFixture, type ServerProcess, shows, streams } from './server-process.ts';

const program = fileURLToPath(new URL('../bin/quorate', import.meta.url));

/** A log that is cut soon, and snapshots that take their time. */
const smallLog = [
  ...['--log-segment-bytes', '64KiB', '--log-retention-bytes', '256KiB', '--log-retention-max-bytes', '1MiB'],
  '--min-free-bytes=0',
];
const slowly = ['--snapshot-rate-bytes', '4MiB', '--snapshot-chunk-bytes', '64KiB'];

const createItems = 'CREATE TABLE items (id INTEGER PRIMARY KEY, body BLOB NOT NULL)';
const insertItem = 'INSERT INTO items (body) VALUES (randomblob(50000))';

const copies = ({ replicator }: DatabaseStatus) => (replicator?.snapshot?.receivedBytes ?? 0) > 0;
/** Fills `defaultdb` with so many rows of 50 kB, and waits until the beginning of its log is gone. */
async function fill(server: ServerProcess, rows: number): Promise<void> {
  await server.execute('defaultdb', createItems);
  for (let count = 0; count < rows; count += 10) {
    await server.execute('defaultdb', ...Array.from({ length: 10 }, () => insertItem));
  }
  while ((await server.database('defaultdb')).storage?.firstTxId === 1) {
    await server.execute('defaultdb', insertItem);
  }
}

/** Writes, without a larger database, until the log has lost all that it has now. */
async function leaveBehind(server: ServerProcess): Promise<void> {
  const { tipTxId } = await server.database('defaultdb');
  for (let first = 0; first <= tipTxId + 1; ) {
    await server.execute('defaultdb', 'UPDATE items SET body = randomblob(50000) WHERE id = 1');
    first = (await server.database('defaultdb')).storage?.firstTxId ?? 0;
  }
}

/** Keeps writing until the returned function is called, which tells the last transaction. */
function keepWriting(server: ServerProcess): () => Promise<number> {
  let stopped = false;
  const run = async () => {
    let txId = 0;
    while (!stopped) {
      txId = await server.execute('defaultdb', "INSERT INTO items (body) VALUES ('written meanwhile')");
    }
    return txId;
  };
  const running = run();
  return () => {
    stopped = true;
    return running;
  };
}

async function expectEqual(replica: ServerProcess, primary: ServerProcess): Promise<void> {
  const { tipTxId } = await primary.database('defaultdb');
  await replica.until('defaultdb', shows(tipTxId));
  assert.equal(await replica.digest('defaultdb'), await primary.digest('defaultdb'));
}

/** Asks for a snapshot where the only one that may be there is too old. */
async function expectNoMoreSnapshots(primary: ServerProcess): Promise<void> {
  const request = {
    ...ExportSnapshotRequest.decode(new Uint8Array()),
    ...{ protocolMin: 1, protocolMax: 1, database: 'defaultdb', replicaId: 'f'.repeat(16), replicaName: 'another' },
  };
  const [error] = await once((await primary.client()).openExportSnapshot(request), 'error');
  const { code, hint } = errorFromGrpc(error);
  assert.equal(code, 'OVERLOADED');
  assert.match(hint ?? '', /raise max-snapshots/);
  const metrics = parseExposition(await (await fetch(`${primary.httpUrl}/metrics`)).text());
  const told = ['quorate_snapshots', 'quorate_snapshots_limit'].map(
    (name) => metrics.get(name)?.samples.find(({ labels }) => labels['database'] === 'defaultdb')?.value,
  );
  assert.deepEqual(told, [1, 1]);
}

/** Bytes of a snapshot that a server holds of what it receives. */
function receivedBytes(server: ServerProcess): number {
  const file = path.join(server.directory, 'databases', 'defaultdb', 'snapshot', 'data.sqlite');
  return existsSync(file) ? statSync(file).size : 0;
}

test('a new replica of a database whose log was cut is seeded while writers run, and ends equal', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary', ...smallLog);
  await fill(primary, 200);
  const stop = keepWriting(primary);
  const replica = await fixture.start('replica', ...smallLog, ...follow(primary));
  await replica.until('defaultdb', streams);
  await stop();
  await expectEqual(replica, primary);
  assert.ok(((await replica.database('defaultdb')).storage?.firstTxId ?? 0) > 1);
  // A snapshot can be taken from the replica, too.
  const leaf = await fixture.start('leaf', ...smallLog, ...follow(replica));
  await leaf.until('defaultdb', streams);
  await expectEqual(leaf, primary);
});

test('a snapshot that the log has left behind before it was there is followed by a newer one at once', async (t) => {
  const fixture = new ServerFixture(t);
  const tiny = ['--log-segment-bytes=64KiB', '--log-retention-bytes=64KiB', '--log-retention-max-bytes=64KiB'];
  const verySlowly = ['--snapshot-rate-bytes=128KiB', '--snapshot-chunk-bytes=16KiB'];
  const primary = await fixture.start('primary', ...verySlowly, ...tiny, '--min-free-bytes=0', '--max-snapshots=1');
  await primary.execute('defaultdb', createItems, ...Array.from({ length: 20 }, () => insertItem));
  await leaveBehind(primary);
  const replica = await fixture.start('replica', '--replication-refused-retry=1h', ...follow(primary));
  await replica.until('defaultdb', copies);
  await leaveBehind(primary);
  assert.ok(copies(await replica.database('defaultdb')), 'the first snapshot is still being copied');
  await t.test('no more snapshots are there at once than max-snapshots says', () => expectNoMoreSnapshots(primary));
  await replica.until('defaultdb', streams);
  await expectEqual(replica, primary);
});

test('a replica that is killed while it copies goes on where it was, and its old content is read meanwhile', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary', ...smallLog, ...slowly);
  await primary.execute('defaultdb', 'CREATE TABLE old (v TEXT)', "INSERT INTO old VALUES ('from before')");
  const args = [...smallLog, '--log-level', 'info', ...follow(primary)];
  const first = await fixture.start('replica', ...args);
  await first.until('defaultdb', shows(1));
  await first.stop('SIGKILL');
  await fill(primary, 200);

  // It was away for longer than the log reaches: it is seeded by itself.
  const second = await fixture.start('replica', ...args);
  await second.until('defaultdb', copies);
  assert.deepEqual(await second.query('defaultdb', 'SELECT * FROM old'), [['from before']]);
  await second.stop('SIGKILL');
  const received = receivedBytes(second);
  assert.ok(received > 0);

  const third = await fixture.start('replica', ...args);
  await third.until('defaultdb', copies);
  assert.deepEqual(await third.query('defaultdb', 'SELECT * FROM old'), [['from before']]);
  const offsets = [...third.log.matchAll(/"offset":(\d+)/g)].map(([, offset]) => Number(offset));
  assert.deepEqual(offsets, [received]);
  await third.until('defaultdb', streams);
  await expectEqual(third, primary);
  assert.equal(receivedBytes(third), 0);
});

/** Databases of any size are sent from their own file. */
const withoutCopy = ['--snapshot-copy-bytes', '0'];
const withCopy = ['--snapshot-copy-bytes', '1GiB'];
const snapshotCopies = (server: ServerProcess) =>
  readdirSync(path.join(server.directory, 'databases', 'defaultdb', 'snapshots'));

test('a snapshot without a copy goes on after a break of the replica while writers run, and after a kill of the upstream', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary', ...smallLog, ...slowly, ...withoutCopy);
  await fill(primary, 200);
  const args = [...smallLog, '--log-level', 'info', ...follow(primary)];
  const first = await fixture.start('replica', ...args);
  await first.until('defaultdb', copies);
  await first.stop('SIGKILL');
  const received = receivedBytes(first);
  const stop = keepWriting(primary);
  const second = await fixture.start('replica', ...args);
  await second.until('defaultdb', copies);
  assert.deepEqual(snapshotCopies(primary), []);
  const offsets = [...second.log.matchAll(/"offset":(\d+)/g)].map(([, offset]) => Number(offset));
  assert.deepEqual(offsets, [received]);
  await stop();
  await primary.stop('SIGKILL');
  const again = await fixture.start('primary', ...smallLog, ...withoutCopy, '--port', String(primary.port));
  await second.until('defaultdb', streams);
  await expectEqual(second, again);
});

test('a WAL that grows too long while a snapshot is sent makes it go on from a copy', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start(
    'primary',
    ...smallLog,
    ...slowly,
    ...withoutCopy,
    ...['--snapshot-wal-bytes', '1MiB'],
    // What is written until then is kept for the replica.
    ...['--log-retention-max-bytes', '64MiB'],
  );
  await fill(primary, 200);
  const replica = await fixture.start('replica', ...smallLog, ...follow(primary));
  await replica.until('defaultdb', copies);
  for (let count = 0; count < 100 && snapshotCopies(primary).length === 0; count += 1) {
    await primary.execute('defaultdb', insertItem);
    await sleep(20);
  }
  assert.equal(snapshotCopies(primary).length, 1);
  await replica.until('defaultdb', streams);
  await expectEqual(replica, primary);
});

test('an upstream that is killed while it is copied from costs a new copy, not the replica', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary', ...smallLog, ...slowly, ...withCopy);
  await fill(primary, 200);
  const replica = await fixture.start('replica', ...smallLog, ...follow(primary));
  await replica.until('defaultdb', copies);
  await primary.stop('SIGKILL');
  const folder = path.join(primary.directory, 'databases', 'defaultdb', 'snapshots');
  const [left] = readdirSync(folder);
  const again = await fixture.start('primary', ...smallLog, '--port', String(primary.port));
  assert.ok(left !== undefined && !existsSync(path.join(folder, left)));
  await replica.until('defaultdb', streams);
  await expectEqual(replica, again);
});

test('a replica that is killed while it installs has the old content or the new one', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary', ...smallLog);
  await fill(primary, 200);
  for (const delayMs of [0, 25, 50, 100, 150]) {
    const replica = await fixture.start(`replica${delayMs}`, ...smallLog, ...follow(primary));
    await replica.until('defaultdb', ({ replicator }) => ['installing', 'streaming'].includes(replicator?.state ?? ''));
    await sleep(delayMs);
    await replica.stop('SIGKILL');
    const again = await fixture.start(`replica${delayMs}`, ...smallLog, ...follow(primary));
    await again.until('defaultdb', streams);
    await expectEqual(again, primary);
    await again.stop();
  }
});

test('the status shows what the log is kept for, and a replica can be forgotten', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary', ...smallLog);
  const replica = await fixture.start('replica', '--node-name', 'kept', ...follow(primary));
  await primary.execute('defaultdb', createItems);
  await replica.until('defaultdb', shows(1));
  await replica.stop();
  const { storage } = await primary.until('defaultdb', (status) => (status.storage?.holds[0]?.durableTxId ?? 0) > 0);
  assert.equal(storage?.retentionMaxBytes, 1024 * 1024);
  assert.deepEqual(
    storage?.holds.map(({ replicaName, lost }) => ({ replicaName, lost })),
    [{ replicaName: 'kept', lost: false }],
  );
  const client = await primary.client();
  const forgotten = await client.forgetReplica('defaultdb', 'kept');
  assert.deepEqual(forgotten.storage?.holds, []);
  await assert.rejects(client.forgetReplica('defaultdb', 'kept'), { code: 'INVALID_ARGUMENT' });
});

test('quorate status --watch shows the progress of a snapshot and ends when the replica streams', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary', ...smallLog, ...slowly);
  await fill(primary, 200);
  const replica = await fixture.start('replica', ...smallLog, ...follow(primary));
  await replica.until('defaultdb', copies);
  const token = (await (await replica.client()).login('admin', adminPassword)).token;
  const port = String(replica.port);
  const watched = await promisify(execFile)(
    process.execPath,
    [program, 'status', 'defaultdb', '--watch', '--port', port],
    {
      env: { ...process.env, QUORATE_TOKEN: token },
    },
  );
  assert.match(watched.stdout, /defaultdb: copying a snapshot {2}\[[#.]{30}\] \d+ % /);
  assert.match(watched.stdout, /\(streaming\)/);
});

const isRoot = process.getuid?.() === 0;
const noMount = isRoot && process.platform === 'linux' ? false : 'mounting a small disk takes root on Linux';

test('below the floor of free space writes are refused, reads go on, and room mends it', {
  skip: noMount,
}, async (t) => {
  const fixture = new ServerFixture(t);
  const disk = mkdtempSync(path.join(os.tmpdir(), 'quorate-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', disk]);
  } catch {
    rmdirSync(disk);
    t.skip('this machine lets nobody mount a small disk');
    return;
  }
  // The folder of the fixture only points there: it is removed while the disk is still mounted.
  symlinkSync(disk, path.join(fixture.root, 'disk'));
  t.after(() => {
    execFileSync('umount', ['-l', disk]);
    rmdirSync(disk);
  });
  const server = await fixture.start('disk', '--min-free-bytes', '16MiB', '--log-segment-bytes', '1MiB');
  await server.execute('defaultdb', createItems);
  await server.execute('defaultdb', insertItem);
  const ballast = path.join(disk, 'ballast');
  const free = (await server.database('defaultdb')).storage?.freeBytes ?? 0;
  writeFileSync(ballast, Buffer.alloc(free - 8 * 1024 * 1024));
  await refusal(server);
  assert.deepEqual(await server.query('defaultdb', 'SELECT count(*) > 0 FROM items'), [[1n]]);
  const { freeBytes, minFreeBytes } = (await server.database('defaultdb')).storage ?? {};
  assert.ok(Number(freeBytes) < Number(minFreeBytes));
  rmSync(ballast);
  for (const end = Date.now() + 10_000; ; await sleep(50)) {
    const written = await server.execute('defaultdb', insertItem).catch(() => 0);
    if (written > 0) {
      break;
    }
    assert.ok(Date.now() < end, 'writes are still refused');
  }
});

/** The floor is looked at now and then: a write right after the disk was filled may still pass. */
async function refusal(server: ServerProcess): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(50)) {
    try {
      await server.execute('defaultdb', "INSERT INTO items (body) VALUES ('x')");
    } catch (error) {
      assert.equal((error as { code: string }).code, 'DISK_FULL');
      return;
    }
  }
  assert.fail('no write was refused');
}
