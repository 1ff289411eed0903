import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { decodeRecords, LogReader } from '../src/log/interface.ts';
import { nodeFileSystem } from '../src/runtime/interface.ts';
import { quorate } from './command-line.ts';
import { adminPassword, follow, ServerFixture, type ServerProcess, shows } from './server-process.ts';

const createItems = 'CREATE TABLE items (id INTEGER PRIMARY KEY, body BLOB)';

const insert = (bytes: number) => `INSERT INTO items (body) VALUES (randomblob(${bytes}))`;

/** Bytes of the records of `defaultdb` from one transaction to another, as its log has them. */
async function recordBytes(server: ServerProcess, fromTxId: number, throughTxId: number): Promise<number> {
  const folder = path.join(server.directory, 'databases', 'defaultdb', 'content-1', 'log');
  using reader = LogReader.open(nodeFileSystem, folder);
  let sum = 0;
  for (let txId = fromTxId; txId <= throughTxId; ) {
    const batch = await reader.read(txId, throughTxId, 1_000_000);
    for (const record of decodeRecords(batch.bytes)) {
      sum += record.sizeBytes;
    }
    txId = batch.lastTxId + 1;
  }
  return sum;
}

/** Runs a command for one server, as a person who has logged in there. */
async function command(fixture: ServerFixture, server: ServerProcess, ...args: string[]): Promise<string> {
  const env = { XDG_CONFIG_HOME: path.join(fixture.root, 'config'), QUORATE_PORT: String(server.port) };
  await quorate(['login', 'admin'], { env, input: `${adminPassword}\n` });
  const { exitCode, stdout, stderr } = await quorate(args, { env });
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

const metrics = async (server: ServerProcess) => await (await fetch(`${server.httpUrl}/metrics`)).text();

test('lag is told in transactions, bytes and time, for what is shown and for what is on disk', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  await primary.execute('defaultdb', createItems);
  const replica = await fixture.start('replica', ...follow(primary));
  await replica.until('defaultdb', shows(1));
  const client = await replica.client();
  await client.updateDatabase({ database: 'defaultdb', replicationDelayMs: 3_600_000 });
  const last = 1 + 40;
  for (let txId = 2; txId <= last; txId += 1) {
    await primary.execute('defaultdb', insert(txId * 100));
  }
  const held = await replica.until('defaultdb', ({ durableTxId }) => durableTxId === last);
  const expected = await recordBytes(primary, 2, last);
  const { replicator } = await replica.until('defaultdb', (status) => status.replicator?.lagTransactions === 40);
  assert.deepEqual(
    [replicator?.lagBytes, replicator?.receivedLagBytes, replicator?.receivedLagTransactions],
    [expected, 0, 0],
  );
  assert.ok((replicator?.lagMs ?? 0) > 0);
  assert.equal(held.replicator?.receivedLagMs, 0);

  // What is known of it is known after a restart, too: nothing is new then.
  await replica.stop();
  const restarted = await fixture.start('replica', ...follow(primary));
  const again = await restarted.until('defaultdb', (status) => status.replicator?.lagTransactions === 40);
  assert.equal(again.replicator?.lagBytes, expected);
  assert.match(
    await metrics(restarted),
    new RegExp(`quorate_replication_lag_bytes\\{[^}]*defaultdb[^}]*\\} ${expected}\n`),
  );
  assert.match(
    await command(fixture, restarted, 'status', 'defaultdb'),
    /behind +on disk 0 tx, 0 B, 0 ms; shown 40 tx, 8\d\.\d KiB/,
  );
  await (await restarted.client()).updateDatabase({ database: 'defaultdb', replicationDelayMs: 0 });
  const level = await restarted.until('defaultdb', shows(last));
  assert.deepEqual([level.replicator?.lagTransactions, level.replicator?.lagBytes, level.replicator?.lagMs], [0, 0, 0]);
});

test('a replica that cannot store what it receives tells how much it lacks, and one without an upstream for how long', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  await primary.execute('defaultdb', createItems);
  const quick = ['--replication-backoff-initial=50ms', '--replication-backoff-max=100ms', '--heartbeat-interval=100ms'];
  const before = await fixture.start('replica', ...quick, ...follow(primary));
  await before.until('defaultdb', shows(1));
  await before.stop();
  for (let count = 0; count < 20; count += 1) {
    await primary.execute('defaultdb', insert(1000));
  }
  const replica = await fixture.start('replica', '--min-free-bytes=1000000GiB', ...quick, ...follow(primary));
  const full = await replica.until('defaultdb', ({ replicator }) => replicator?.lastError?.code === 'DISK_FULL');
  const expected = await recordBytes(primary, 2, 21);
  assert.deepEqual([full.replicator?.receivedLagTransactions, full.replicator?.receivedLagBytes], [20, expected]);
  assert.deepEqual([full.replicator?.lagTransactions, full.replicator?.lagBytes], [20, expected]);

  await primary.stop('SIGKILL');
  // Each attempt to connect is over in a fraction of this time.
  const away = await replica.until('defaultdb', ({ replicator }) => (replicator?.receivedLagMs ?? 0) > 3000);
  assert.ok((away.replicator?.lagMs ?? 0) > 3000);
  assert.equal(away.replicator?.state, 'backing-off');
});

test('one line says what would be lost if the primary died now', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  await primary.execute('defaultdb', createItems);
  await primary.execute('defaultdb', insert(10));
  const line = async () =>
    (await command(fixture, primary, 'status', 'defaultdb')).match(/if this node died now, (.*)/)?.[1];
  assert.equal(await line(), 'what would be lost: everything (2 transactions): no replica has followed yet');

  const replica = await fixture.start('replica', '--node-name=berlin', ...follow(primary));
  await primary.until('defaultdb', ({ loss }) => loss?.transactions === 0);
  assert.equal(await line(), 'what would be lost: nothing: berlin holds every committed transaction');

  await replica.stop('SIGKILL');
  for (let count = 0; count < 3; count += 1) {
    await primary.execute('defaultdb', insert(10));
  }
  assert.equal(
    await line(),
    'what would be lost: the last 3 transactions, from 3 to 5: berlin holds all before',
    'what a replica that is away has confirmed counts',
  );
  const { loss } = await primary.database('defaultdb');
  assert.deepEqual([loss?.transactions, loss?.replicaName], [3, 'berlin']);
  assert.match(await metrics(primary), /quorate_unreplicated_transactions\{database="defaultdb"\} 3\n/);
});

test('a database at which nothing happens is compared again and again without a new transaction', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const replica = await fixture.start('replica', '--scrub-interval=100ms', ...follow(primary));
  const txId = await primary.execute('defaultdb', createItems, insert(1000));
  await replica.until('defaultdb', shows(txId));
  const first = await replica.until('defaultdb', ({ scrub }) => (scrub?.rounds ?? 0) > 0);
  const tip = (await primary.database('defaultdb')).tipTxId;
  const rounds = (first.scrub?.rounds ?? 0) + 3;
  const later = await replica.until('defaultdb', ({ scrub }) => (scrub?.rounds ?? 0) >= rounds);
  assert.equal((await primary.database('defaultdb')).tipTxId, tip);
  const { finishedAtMs = 0, nextAtMs = 0, periodMs, differences, running } = later.scrub ?? {};
  assert.ok(running || nextAtMs >= finishedAtMs);
  assert.ok(finishedAtMs > (first.scrub?.finishedAtMs ?? 0));
  assert.deepEqual(
    [differences, periodMs],
    [0, 100 + Math.round((later.storage?.databaseSizeBytes ?? 0) / 4096 / 1.024)],
  );
  assert.match(
    await command(fixture, replica, 'status', 'defaultdb'),
    /compared +20\d\d-.* in .*, 0 differences; again/,
  );

  // While something is written a marker makes both stand at the same transaction.
  let stopped = false;
  const writing = (async () => {
    while (!stopped) {
      await primary.execute('defaultdb', insert(10));
    }
  })();
  const busy = (await replica.database('defaultdb')).scrub?.rounds ?? 0;
  await replica.until('defaultdb', ({ scrub }) => (scrub?.rounds ?? 0) >= busy + 3);
  stopped = true;
  await writing;
  assert.equal((await replica.database('defaultdb')).lastError, undefined);
});
