import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hasCode, primarySettings, shown, TestFolder } from '../../test/test-database.ts';
import type { Clock, FileSystem } from '../runtime/interface.ts';
import { defaultAckSettings } from './acks.ts';
import type { Database, DatabaseContext } from './interface.ts';
import { openOnThisThread } from './testing/on-this-thread.ts';

const insert = [{ sql: "INSERT INTO t (v) VALUES ('a')" }];

interface Stage {
  nowMs: number;
  /** How long the next fsync of the log stops the process, in milliseconds. */
  fsyncMs: number;
}

/** A file system whose fsyncs take as long as the test says. */
function slowFiles(files: FileSystem, stage: Stage): FileSystem {
  return {
    ...files,
    openSync(path, mode) {
      const handle = files.openSync(path, mode);
      const sync = handle.syncSync.bind(handle);
      return Object.assign(handle, {
        syncSync() {
          sync();
          stage.nowMs += stage.fsyncMs;
          stage.fsyncMs = 0;
        },
      });
    },
  };
}

/** A primary with one table that leads term 2 until 1000 ms, on a clock that only the test moves. */
async function leading(folder: TestFolder, stage: Stage, acks = defaultAckSettings): Promise<Database> {
  const context = folder.context('shop');
  const clock: Clock = { nowMs: () => 1_800_000_000_000 + stage.nowMs, monotonicMs: () => stage.nowMs };
  const files = slowFiles(context.runtime.files, stage);
  const own: DatabaseContext = { ...context, runtime: { ...context.runtime, clock, files } };
  const database = await openOnThisThread(own, primarySettings);
  await database.writer.transact([{ sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)' }]);
  await database.leadership.lead({ term: 2, candidate: 'a', acks, leaseUntilMs: 1000 });
  return database;
}

test('when the lease has ended nothing is begun and no read is linearizable, until it is renewed', async () => {
  using folder = new TestFolder();
  const stage = { nowMs: 10, fsyncMs: 0 };
  await using database = await leading(folder, stage);
  const open = await database.writer.begin();
  await open.run(insert[0] ?? { sql: '' });
  stage.nowMs = 999;
  assert.equal(database.leadership.isLeaseValid(), true);
  stage.nowMs = 1000;
  assert.equal(database.leadership.isLeaseValid(), false);
  await assert.rejects(open.commit(), hasCode('LEASE_LOST'));
  await assert.rejects(database.writer.transact(insert), hasCode('LEASE_LOST'));
  await assert.rejects(database.writer.transact([{ sql: 'SELECT * FROM t' }]), hasCode('LEASE_LOST'));
  await assert.rejects(database.writer.begin(), hasCode('LEASE_LOST'));
  assert.deepEqual([database.positions().tip, shown(database)], [2, 0]);
  database.leadership.setLease(2000);
  assert.equal((await database.writer.transact(insert)).position.txId, 3);
});

test('a write that was in the log when the lease ended is in doubt, and is not shown before the lease is renewed', async () => {
  using folder = new TestFolder();
  const stage = { nowMs: 10, fsyncMs: 0 };
  await using database = await leading(folder, stage);
  stage.fsyncMs = 5000;
  await assert.rejects(database.writer.transact(insert), hasCode('COMMIT_IN_DOUBT'));
  assert.deepEqual([database.positions().tip, database.positions().commit, shown(database)], [3, 2, 0]);
  database.leadership.setLease(9000);
  await database.waitFor(3, 10_000);
  assert.equal(shown(database), 1);
});

test('acknowledgements that come after the end of the lease commit nothing', async () => {
  using folder = new TestFolder();
  const stage = { nowMs: 10, fsyncMs: 0 };
  await using database = await leading(folder, stage);
  await database.updateSettings({
    ...database.settings,
    acks: { ...defaultAckSettings, level: { kind: 'sync', acks: 1 } },
  });
  const write = assert.rejects(database.writer.transact(insert), hasCode('COMMIT_IN_DOUBT'));
  while (database.positions().durable < 3) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  stage.nowMs = 1000;
  database.source.acknowledge([3], [3]);
  await write;
  assert.deepEqual([database.positions().commit, shown(database)], [2, 0]);
});

test('a process that is stopped beyond its lease acknowledges nothing when it goes on', {
  timeout: 60_000,
}, async () => {
  using folder = new TestFolder();
  const script = fileURLToPath(new URL('./testing/leased-writer.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=quorate-source', script, folder.path, '1500'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const lines: { answer: string; isLate: boolean }[] = [];
    const reader = createInterface({ input: child.stdout });
    const wait = (condition: () => boolean): Promise<void> =>
      new Promise((resolve) => {
        reader.on('line', () => condition() && resolve());
      });
    reader.on('line', (line) => lines.push(JSON.parse(line)));
    await wait(() => lines.length > 20);
    child.kill('SIGSTOP');
    // The lease of 1.5 s ends meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    child.kill('SIGCONT');
    await wait(() => lines.filter(({ isLate }) => isLate).length > 20);
    const late = new Set(lines.filter(({ isLate }) => isLate).map(({ answer }) => answer));
    assert.ok(late.has('LEASE_LOST') && !late.has('committed'), [...late].join());
    assert.ok(lines.some(({ answer, isLate }) => answer === 'committed' && !isLate));
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});
