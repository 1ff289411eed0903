import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exitCodeOf } from '../src/errors/interface.ts';
import { command, createItems, edit, followFrom, lines, savedLines, update, verify } from './replica-commands.ts';
import { follow, ServerFixture, type ServerProcess } from './server-process.ts';

const fill =
  "WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO items SELECT i, 'item ' || i, i * 0.5 FROM n";

/** Writes without end until it is told to stop. */
function load(server: ServerProcess): () => Promise<void> {
  let stopped = false;
  const running = (async () => {
    while (!stopped) {
      await server.execute('defaultdb', 'UPDATE items SET price = price + 1 WHERE id % 100 = 7');
    }
  })();
  return async () => {
    stopped = true;
    await running;
  };
}

test('equal nodes under load are found equal at the same transaction, also a replica with a replica', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const first = await fixture.start('first', ...follow(primary));
  const second = await fixture.start('second', ...follow(first));
  const txId = await primary.execute('defaultdb', createItems, fill);
  await second.until('defaultdb', ({ appliedTxId }) => appliedTxId >= txId);
  const stop = load(primary);
  for (const [one, two] of [
    [first, primary],
    [second, first],
    [primary, second],
  ] as const) {
    const result = await verify(fixture, one, two);
    assert.equal(result.exitCode, 0, result.stderr);
    const [report] = lines(result);
    assert.deepEqual([report.equal, report.tables, report.rows, report.differences], [true, 1, 5000, []]);
    assert.ok(report.txId > txId);
  }
  await stop();
});

test('rows that were edited on a replica by hand are found and repaired, with a record of what they were', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const before = await fixture.start('replica', ...follow(primary));
  const txId = await primary.execute('defaultdb', createItems, fill);
  await before.until('defaultdb', ({ appliedTxId }) => appliedTxId >= txId);
  await before.stop();
  edit(
    fixture,
    'replica',
    "UPDATE items SET name = 'forged' WHERE id = 1234; DELETE FROM items WHERE id = 4000; INSERT INTO items VALUES (9000, 'added', NULL)",
  );
  const replica = await fixture.start('replica', ...follow(primary));
  const stop = load(primary);
  const found = await verify(fixture, replica, primary);
  assert.equal(found.exitCode, exitCodeOf('DIVERGED'), found.stderr);
  const [report] = lines(found);
  assert.deepEqual(report.differences, [
    { kind: 'row', table: 'items', what: 'different', key: { id: 1234 } },
    { kind: 'row', table: 'items', what: 'missing', key: { id: 4000 } },
    { kind: 'row', table: 'items', what: 'extra', key: { id: 9000 } },
  ]);
  assert.deepEqual(
    report.ranges.map(({ table, rowsHere, rowsThere }: Record<string, unknown>) => ({ table, rowsHere, rowsThere })),
    [
      { table: 'items', rowsHere: 1000, rowsThere: 1000 },
      { table: 'items', rowsHere: 999, rowsThere: 1000 },
      { table: 'items', rowsHere: 1001, rowsThere: 1000 },
    ],
  );

  const repaired = await verify(fixture, replica, primary, '--repair');
  await stop();
  assert.equal(repaired.exitCode, 0, repaired.stderr);
  const [, summary, after] = lines(repaired);
  assert.deepEqual([summary.repaired, summary.skipped, after.equal], [3, 0, true]);
  const record = savedLines(summary.files[0]);
  assert.deepEqual(
    record.map(({ table, key, before: was, after: is }) => ({ table, key, was, is })),
    [
      {
        table: 'items',
        key: { id: 1234 },
        was: { name: 'forged', price: { real: '617' } },
        is: { name: 'item 1234', price: { real: '617' } },
      },
      { table: 'items', key: { id: 4000 }, was: null, is: { name: 'item 4000', price: { real: '2000' } } },
      { table: 'items', key: { id: 9000 }, was: { name: 'added', price: null }, is: null },
    ],
  );
  await replica.until('defaultdb', ({ replicator }) => replicator?.lagTransactions === 0);
  const tip = (await primary.database('defaultdb')).tipTxId;
  await replica.until('defaultdb', ({ appliedTxId }) => appliedTxId >= tip);
  assert.equal(await replica.digest('defaultdb'), await primary.digest('defaultdb'));
  const wrongWay = await verify(fixture, primary, replica, '--repair');
  assert.equal(wrongWay.exitCode, 0, 'nothing differs, so nothing is repaired');
});

test('a row that was edited by hand and is written next stops the replica at once, and status says DIVERGED', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const before = await fixture.start('replica', ...follow(primary));
  const txId = await primary.execute('defaultdb', createItems, fill);
  await before.until('defaultdb', ({ appliedTxId }) => appliedTxId >= txId);
  await before.stop();
  edit(fixture, 'replica', "UPDATE items SET name = 'forged' WHERE id = 7");
  const replica = await fixture.start('replica', ...follow(primary));
  await primary.execute('defaultdb', "UPDATE items SET name = 'new' WHERE id = 7");
  const { replicator, lastError } = await replica.until(
    'defaultdb',
    (status) => status.replicator?.state === 'diverged',
  );
  assert.match(`${replicator?.lastError?.message} ${lastError?.message}`, /the row 7 of the table items/);
  const status = await command(fixture, replica, 'status');
  assert.equal(status.exitCode, exitCodeOf('DIVERGED'));
  const verified = await verify(fixture, replica, primary);
  assert.equal(verified.exitCode, exitCodeOf('DIVERGED'), verified.stderr);
});

test('a former primary with transactions of its own says where the histories part, saves them and follows again', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const other = await fixture.start('other', ...follow(primary));
  const common = await primary.execute('defaultdb', createItems, fill);
  await other.until('defaultdb', ({ appliedTxId }) => appliedTxId >= common);
  const client = await other.client();
  await client.updateDatabase(update({ role: 'primary' }));
  await other.execute('defaultdb', "INSERT INTO items VALUES (6000, 'kept', 1)");
  await primary.execute('defaultdb', "INSERT INTO items VALUES (6000, 'lost', 2)");
  await primary.execute('defaultdb', 'UPDATE items SET price = 0 WHERE id = 3', 'DELETE FROM items WHERE id = 4');

  await followFrom(primary, other);
  const { replicator } = await primary.until('defaultdb', (status) => status.replicator?.state === 'diverged');
  assert.match(replicator?.lastError?.message ?? '', new RegExp(`transaction ${common + 1} is another one here`));

  const result = await command(fixture, primary, 'database', 'rejoin', 'defaultdb');
  assert.equal(result.exitCode, 0, result.stderr);
  const [report] = lines(result);
  assert.deepEqual([report.commonTxId, report.transactions], [common, 2]);
  const [head, ...saved] = savedLines(report.file);
  assert.equal(head.lastCommon.txId, common);
  assert.deepEqual(
    saved.map(({ txId, kind, key }) => ({ txId, kind, key })),
    [
      { txId: common + 1, kind: 'insert', key: { id: 6000 } },
      { txId: common + 2, kind: 'update', key: { id: 3 } },
      { txId: common + 2, kind: 'delete', key: { id: 4 } },
    ],
  );
  const txId = await other.execute('defaultdb', "INSERT INTO items VALUES (6001, 'later', 3)");
  await primary.until('defaultdb', ({ appliedTxId }) => appliedTxId >= txId);
  assert.equal(await primary.digest('defaultdb'), await other.digest('defaultdb'));
  const again = await command(fixture, primary, 'database', 'rejoin', 'defaultdb');
  assert.equal(JSON.parse(again.stderr).error.code, 'WRONG_ROLE');
});

test('the scrub finds a row that nobody writes, raises an alarm, and takes it back after a repair', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const before = await fixture.start('replica', ...follow(primary));
  const txId = await primary.execute('defaultdb', createItems, fill);
  await before.until('defaultdb', ({ appliedTxId }) => appliedTxId >= txId);
  await before.stop();
  edit(fixture, 'replica', "UPDATE items SET name = 'forged' WHERE id = 1234");
  const replica = await fixture.start('replica', ...follow(primary, '--scrub-interval=200ms'));
  const alarmed = await replica.until('defaultdb', ({ lastError }) => lastError?.code === 'DIVERGED');
  assert.match(alarmed.lastError?.message ?? '', /items/);
  assert.equal(alarmed.replicator?.state, 'streaming');
  assert.match(
    await (await fetch(`${replica.httpUrl}/metrics`)).text(),
    /quorate_scrub_differences\{database="defaultdb"\} 1\n/,
  );
  assert.match(replica.log, /is not what its upstream is/);
  const status = await command(fixture, replica, 'status');
  assert.equal(status.exitCode, exitCodeOf('DIVERGED'));
  const repaired = await verify(fixture, replica, primary, '--repair');
  assert.equal(repaired.exitCode, 0, repaired.stderr);
  await replica.until('defaultdb', ({ lastError }) => lastError === undefined);
});
