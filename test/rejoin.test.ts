/** Replicas that are not what their upstreams are, and how each of them becomes one again without anybody touching files. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { exitCodeOf } from '../src/errors/interface.ts';
import { quorate } from './command-line.ts';
import { command, createItems, edit, followFrom, lines, savedLines, update, verify } from './replica-commands.ts';
import { adminPassword, follow, ServerFixture, type ServerProcess, sqliteFile } from './server-process.ts';

const diverged = exitCodeOf('DIVERGED');
const shortLog = ['--log-segment-bytes=64KiB', '--log-retention-bytes=64KiB', '--log-retention-max-bytes=128KiB'];
const insertItem = 'INSERT INTO items (name) VALUES (hex(randomblob(8)))';

/** Waits until one server shows what the other one does. */
async function untilEqual(of: ServerProcess, to: ServerProcess, database = 'defaultdb'): Promise<void> {
  const wanted = await of.digest(database);
  await to.until(database, ({ appliedTxId }) => appliedTxId >= Number(wanted.split(' ')[0]));
  assert.equal(await to.digest(database), wanted);
}

/** Everything that is well: no error, no alarm, exit code 0. */
async function assertClean(fixture: ServerFixture, server: ServerProcess, database = 'defaultdb'): Promise<void> {
  const { lastError, replicator } = await server.database(database);
  assert.deepEqual([lastError, replicator?.state], [undefined, 'streaming']);
  const status = await command(fixture, server, 'status', database);
  assert.equal(status.exitCode, 0, status.stderr);
}

/** A primary with a replica that has been promoted, so that there are two primaries with a history of their own each. */
async function twoPrimaries(fixture: ServerFixture, ...flags: string[]) {
  const former = await fixture.start('former', ...flags);
  const primary = await fixture.start('primary', ...follow(former), ...flags);
  const common = await former.execute('defaultdb', createItems, insertItem);
  await primary.until('defaultdb', ({ appliedTxId }) => appliedTxId >= common);
  await (await primary.client()).updateDatabase(update({ role: 'primary' }));
  return { former, primary, common };
}

test('a former primary whose changes cannot be taken back saves them and takes a snapshot, by one command', async (t) => {
  const fixture = new ServerFixture(t);
  const { former, primary, common } = await twoPrimaries(fixture);
  await former.execute('defaultdb', 'CREATE TABLE mine (id INTEGER PRIMARY KEY AUTOINCREMENT, v)');
  await former.execute('defaultdb', 'INSERT INTO mine (v) VALUES (1)');
  await primary.execute('defaultdb', insertItem);
  await followFrom(former, primary);
  await former.until('defaultdb', ({ replicator }) => replicator?.state === 'diverged');
  assert.equal((await command(fixture, former, 'status')).exitCode, diverged);
  assert.match(former.log, /replication is diverged/);
  const metrics = await (await fetch(`${former.httpUrl}/metrics`)).text();
  assert.match(metrics, /quorate_replicator_state\{database="defaultdb",[^}]*state="diverged"\} 1/);

  const rejoined = await command(fixture, former, 'database', 'rejoin', 'defaultdb');
  assert.equal(rejoined.exitCode, 0, rejoined.stderr);
  const [report, end] = lines(rejoined);
  assert.deepEqual([report.commonTxId, report.transactions, report.snapshot], [common, 2, true]);
  assert.equal(end.state, 'streaming');
  assert.deepEqual(
    savedLines(report.file).flatMap(({ kind }) => kind ?? []),
    ['schema', 'insert', 'sequences'],
  );
  await untilEqual(primary, former);
  await assertClean(fixture, former);
});

test('a former primary whose last common transaction is in no log any more saves all that it has and takes a snapshot', async (t) => {
  const fixture = new ServerFixture(t);
  const { former, primary, common } = await twoPrimaries(fixture, ...shortLog);
  const large = 'INSERT INTO items (name) VALUES (hex(randomblob(20000)))';
  const forget = async (server: ServerProcess, common: number) => {
    while (((await server.database('defaultdb')).storage?.firstTxId ?? 0) <= common + 1) {
      await server.execute('defaultdb', large);
    }
  };
  await forget(primary, common);
  await forget(former, common);
  // Ahead of its upstream, so that what it has committed is not there.
  while ((await former.database('defaultdb')).tipTxId <= (await primary.database('defaultdb')).tipTxId) {
    await former.execute('defaultdb', insertItem);
  }
  await followFrom(former, primary);
  const { replicator } = await former.until('defaultdb', (status) => status.replicator?.state === 'diverged');
  assert.match(replicator?.lastError?.message ?? '', /no longer reach back/);
  const { storage, tipTxId } = await former.database('defaultdb');
  const rejoined = await command(fixture, former, 'database', 'rejoin', 'defaultdb');
  assert.equal(rejoined.exitCode, 0, rejoined.stderr);
  const [report] = lines(rejoined);
  const [head, first] = savedLines(report.file);
  assert.equal(report.transactions, tipTxId - (storage?.firstTxId ?? 0) + 1);
  assert.deepEqual([head.lastCommon, first.txId], [null, storage?.firstTxId]);
  await untilEqual(primary, former);
  await assertClean(fixture, former);
});

for (const how of ['stood still', 'was killed and starts again']) {
  test(`a former primary that ${how} cuts what was never committed by itself when it is told to follow`, async (t) => {
    const fixture = new ServerFixture(t);
    let former = await fixture.start('former');
    const primary = await fixture.start('primary', ...follow(former));
    await former.execute('defaultdb', createItems);
    const acks = { level: 'sync', acks: 1, members: [], whenShort: '', degradeAfterMs: 0, timeoutMs: 0 };
    await (await former.client()).updateDatabase(update({ acks }));
    const common = await former.execute('defaultdb', "INSERT INTO items (name) VALUES ('kept')");
    await primary.until('defaultdb', ({ appliedTxId }) => appliedTxId >= common);
    await (await former.client()).updateDatabase(update({ acks: { ...acks, timeoutMs: 300 } }));
    await primary.stop('SIGKILL');
    await assert.rejects(former.execute('defaultdb', "INSERT INTO items (name) VALUES ('doubtful')"), {
      code: 'COMMIT_IN_DOUBT',
    });
    const wasKilled = how.startsWith('was killed');
    await (wasKilled ? former.stop('SIGKILL') : process.kill(former.processId, 'SIGSTOP'));
    const promoted = await fixture.start('primary');
    await (await promoted.client()).updateDatabase(update({ role: 'primary' }));
    await promoted.execute('defaultdb', "INSERT INTO items (name) VALUES ('after it')");
    if (wasKilled) {
      former = await fixture.start('former');
    } else {
      process.kill(former.processId, 'SIGCONT');
    }
    assert.deepEqual(await former.query('defaultdb', 'SELECT name FROM items'), [['kept']]);
    await followFrom(former, promoted);
    await former.until('defaultdb', ({ replicator }) => replicator?.state === 'streaming');
    await untilEqual(promoted, former);
    assert.deepEqual(await former.query('defaultdb', 'SELECT name FROM items ORDER BY id'), [['kept'], ['after it']]);
    await assertClean(fixture, former);
  });
}

test('a replica that stopped at a row which was edited by hand is copied again by one command', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const before = await fixture.start('replica', ...follow(primary));
  const txId = await primary.execute('defaultdb', createItems, insertItem);
  await before.until('defaultdb', ({ appliedTxId }) => appliedTxId >= txId);
  await before.stop();
  edit(fixture, 'replica', "UPDATE items SET name = 'forged'");
  const replica = await fixture.start('replica', ...follow(primary));
  await primary.execute('defaultdb', "UPDATE items SET name = 'new'");
  const { replicator } = await replica.until('defaultdb', (status) => status.replicator?.state === 'diverged');
  assert.match(replicator?.lastError?.hint ?? '', /quorate database rejoin defaultdb/);
  const rejoined = await command(fixture, replica, 'database', 'rejoin', 'defaultdb');
  assert.equal(rejoined.exitCode, 0, rejoined.stderr);
  assert.deepEqual([lines(rejoined)[0].transactions, lines(rejoined)[0].file], [0, '']);
  await untilEqual(primary, replica);
  await assertClean(fixture, replica);
});

test('a replica that stopped at rows which were edited by hand is repaired under load, and goes on by itself', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const before = await fixture.start('replica', ...follow(primary));
  const rows = "INSERT INTO items SELECT value, 'item ' || value, 1 FROM generate(1, 3000)".replace(
    'generate(1, 3000)',
    '(WITH n(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM n WHERE value < 3000) SELECT value FROM n)',
  );
  const txId = await primary.execute('defaultdb', createItems, rows);
  await before.until('defaultdb', ({ appliedTxId }) => appliedTxId >= txId);
  await before.stop();
  edit(
    fixture,
    'replica',
    "UPDATE items SET name = 'forged ' || id WHERE id IN (1, 2); DELETE FROM items WHERE id IN (3, 4, 5); INSERT INTO items VALUES (5000, 'taken', 9), (5001, 'mine', 9)",
  );
  const replica = await fixture.start('replica', ...follow(primary));
  for (const sql of [
    "UPDATE items SET name = 'new name' WHERE id = 1",
    'UPDATE items SET price = 2 WHERE id = 3',
    'DELETE FROM items WHERE id = 4',
    "INSERT INTO items VALUES (5000, 'other', 3)",
    "INSERT INTO items VALUES (5002, 'mine', 3)",
  ]) {
    await primary.execute('defaultdb', sql);
  }
  await replica.until('defaultdb', ({ replicator }) => replicator?.state === 'diverged');
  let stopped = false;
  const load = (async () => {
    while (!stopped) {
      await primary.execute('defaultdb', 'UPDATE items SET price = price + 1 WHERE id IN (2, 3, 100)');
    }
  })();
  const repaired = await verify(fixture, replica, primary, '--repair');
  stopped = true;
  await load;
  assert.equal(repaired.exitCode, 0, repaired.stderr);
  assert.equal(lines(repaired).at(-1).equal, true);
  const saved = readdirSync(path.join(replica.directory, 'databases', 'defaultdb', 'saved')).flatMap((name) =>
    savedLines(path.join(replica.directory, 'databases', 'defaultdb', 'saved', name)),
  );
  const recorded = (id: number) => saved.find(({ key, before: was }) => key.id === id && was !== null)?.before;
  assert.deepEqual(
    [1, 2, 5000, 5001].map((id) => recorded(id)?.name),
    ['forged 1', 'forged 2', 'taken', 'mine'],
  );
  await untilEqual(primary, replica);
  await assertClean(fixture, replica);
  assert.equal((await verify(fixture, replica, primary)).exitCode, 0);
});

test('a schema that was edited by hand stops the replica, which is copied again by one command', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const before = await fixture.start('replica', ...follow(primary));
  const txId = await primary.execute('defaultdb', createItems, 'CREATE INDEX by_price ON items (price)', insertItem);
  await before.until('defaultdb', ({ appliedTxId }) => appliedTxId >= txId);
  await before.stop();
  edit(fixture, 'replica', 'DROP INDEX by_price; CREATE VIEW v AS SELECT 1; CREATE TABLE extra (x)');
  const replica = await fixture.start('replica', ...follow(primary));
  const found = await verify(fixture, replica, primary, '--repair');
  assert.equal(found.exitCode, diverged, found.stderr);
  assert.match(JSON.parse(found.stderr).error.hint, /quorate database rejoin/);
  await replica.until('defaultdb', ({ replicator }) => replicator?.state === 'diverged');
  assert.equal((await command(fixture, replica, 'status')).exitCode, diverged);
  const rejoined = await command(fixture, replica, 'database', 'rejoin', 'defaultdb');
  assert.equal(rejoined.exitCode, 0, rejoined.stderr);
  assert.equal((await verify(fixture, replica, primary)).exitCode, 0);
  await assertClean(fixture, replica);
});

test('what differs besides rows is told by verify, which names the command that copies the database again', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const before = await fixture.start('replica', ...follow(primary));
  const txId = await primary.execute('defaultdb', createItems, insertItem);
  await before.until('defaultdb', ({ appliedTxId }) => appliedTxId >= txId);
  await before.stop();
  edit(fixture, 'replica', 'PRAGMA user_version = 7');
  const replica = await fixture.start('replica', ...follow(primary));
  const found = await verify(fixture, replica, primary, '--repair');
  assert.equal(found.exitCode, diverged, found.stderr);
  assert.deepEqual(lines(found)[0].differences, [{ kind: 'state' }]);
  const [, named = ''] =
    /quorate (database rejoin defaultdb --snapshot)$/.exec(JSON.parse(found.stderr).error.hint) ?? [];
  const refused = await command(fixture, replica, 'database', 'rejoin', 'defaultdb');
  assert.equal(JSON.parse(refused.stderr).error.code, 'WRONG_ROLE');
  const rejoined = await command(fixture, replica, ...named.split(' '));
  assert.equal(rejoined.exitCode, 0, rejoined.stderr);
  assert.equal((await verify(fixture, replica, primary)).exitCode, 0);
  await assertClean(fixture, replica);
});

test('the users of a server that follows another one come again in a new copy', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const before = await fixture.start('replica', ...follow(primary));
  await untilEqual(primary, before, 'systemdb');
  await before.stop();
  edit(fixture, 'replica', 'CREATE TABLE forged (x)', 'systemdb');
  const replica = await fixture.start('replica', ...follow(primary));
  const flags = ['verify', 'systemdb', '--with', `127.0.0.1:${primary.port}`];
  assert.equal((await command(fixture, replica, ...flags)).exitCode, diverged);
  await replica.until('systemdb', ({ replicator }) => replicator?.state === 'diverged');
  const rejoined = await command(fixture, replica, 'database', 'rejoin', 'systemdb');
  assert.equal(rejoined.exitCode, 0, rejoined.stderr);
  assert.equal((await command(fixture, replica, ...flags)).exitCode, 0);
  await assertClean(fixture, replica, 'systemdb');
});

test('a replica that cannot be opened begins anew by one command, and what it had is kept', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const before = await fixture.start('replica', ...follow(primary));
  const txId = await primary.execute('defaultdb', createItems, insertItem);
  await before.until('defaultdb', ({ appliedTxId }) => appliedTxId >= txId);
  await before.stop();
  const damaged = Buffer.alloc(8192, 'x');
  writeFileSync(sqliteFile(before.directory, 'defaultdb'), damaged);
  const replica = await fixture.start('replica', ...follow(primary));
  assert.equal((await replica.database('defaultdb')).state, 'failed');
  const rejoined = await command(fixture, replica, 'database', 'rejoin', 'defaultdb');
  assert.equal(rejoined.exitCode, 0, rejoined.stderr);
  assert.deepEqual(readFileSync(path.join(lines(rejoined)[0].file, 'data.sqlite')), damaged);
  await untilEqual(primary, replica);
  await assertClean(fixture, replica);
});

test('a replica of another database takes that of its upstream only when it is told to, and what it had is kept', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  await primary.execute('defaultdb', createItems, insertItem);
  const other = await fixture.start('other');
  await other.execute('defaultdb', 'CREATE TABLE own (v)', 'INSERT INTO own VALUES (1)');
  await followFrom(other, primary);
  const { replicator } = await other.until('defaultdb', (status) => status.replicator?.state === 'refused');
  assert.equal(replicator?.lastError?.code, 'WRONG_DATABASE');
  const refused = await command(fixture, other, 'database', 'rejoin', 'defaultdb');
  assert.equal(JSON.parse(refused.stderr).error.code, 'WRONG_ROLE');
  const rejoined = await command(fixture, other, 'database', 'rejoin', 'defaultdb', '--snapshot');
  assert.equal(rejoined.exitCode, 0, rejoined.stderr);
  assert.equal(existsSync(path.join(lines(rejoined)[0].file, 'data.sqlite')), true);
  await untilEqual(primary, other);
  await assertClean(fixture, other);
});

test('a replica of a replica that gives transactions up learns of it at once, and rejoins as well', async (t) => {
  const fixture = new ServerFixture(t);
  const { former, primary, common } = await twoPrimaries(fixture);
  const third = await fixture.start('third', ...follow(former));
  const lost = await former.execute('defaultdb', insertItem);
  await third.until('defaultdb', ({ appliedTxId }) => appliedTxId >= lost);
  await primary.execute('defaultdb', insertItem);
  await followFrom(former, primary);
  await former.until('defaultdb', ({ replicator }) => replicator?.state === 'diverged');
  const streaming = ({ replicator }: { readonly replicator?: { readonly state: string } | undefined }) =>
    replicator?.state === 'streaming';
  assert.ok(streaming(await third.database('defaultdb')));
  const rejoined = await command(fixture, former, 'database', 'rejoin', 'defaultdb');
  assert.equal(lines(rejoined)[0].snapshot, false, rejoined.stderr);
  await third.until('defaultdb', ({ replicator }) => replicator?.state === 'diverged');
  const also = await command(fixture, third, 'database', 'rejoin', 'defaultdb');
  assert.equal(also.exitCode, 0, also.stderr);
  assert.deepEqual([lines(also)[0].commonTxId, lines(also)[0].transactions], [common, 1]);
  await untilEqual(primary, third);
  await assertClean(fixture, third);
});

test('a replica that is killed while it takes the copy that was asked for goes on with it', async (t) => {
  const fixture = new ServerFixture(t);
  const slowly = ['--snapshot-rate-bytes', '2MiB', '--snapshot-chunk-bytes', '64KiB'];
  const primary = await fixture.start('primary', ...slowly);
  const before = await fixture.start('replica', ...follow(primary));
  const fill = Array.from({ length: 4 }, () => 'INSERT INTO items (name) VALUES (hex(randomblob(500000)))');
  const txId = await primary.execute('defaultdb', createItems, ...fill);
  await before.until('defaultdb', ({ appliedTxId }) => appliedTxId >= txId);
  await (await before.client()).verification.rejoin('defaultdb', true);
  await before.until('defaultdb', ({ replicator }) => (replicator?.snapshot?.receivedBytes ?? 0) > 0);
  await before.stop('SIGKILL');
  const replica = await fixture.start('replica', ...follow(primary));
  const { replicator } = await replica.until('defaultdb', (status) => status.replicator?.snapshot !== undefined);
  assert.notEqual(replicator?.state, 'streaming');
  await untilEqual(primary, replica);
  await replica.until('defaultdb', (status) => status.replicator?.state === 'streaming');
  // The former one stays for a moment, for readers that are about to open it.
  const contents = readdirSync(path.join(replica.directory, 'databases', 'defaultdb'));
  assert.ok(contents.includes('content-2'), contents.join());
});

test('people see how far the snapshot is that a replica takes', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const replica = await fixture.start('replica', ...follow(primary));
  const txId = await primary.execute('defaultdb', createItems, insertItem);
  await replica.until('defaultdb', ({ appliedTxId }) => appliedTxId >= txId);
  const env = { XDG_CONFIG_HOME: path.join(fixture.root, 'config'), QUORATE_PORT: String(replica.port) };
  await quorate(['login', 'admin'], { env, input: `${adminPassword}\n` });
  const { stdout } = await quorate(['database', 'rejoin', 'defaultdb', '--snapshot'], { env });
  assert.match(stdout, /^defaultdb: a new copy from the upstream takes its place\n/);
  assert.match(stdout, /\ndefaultdb follows again: it shows transaction \d+\n$/);
});
