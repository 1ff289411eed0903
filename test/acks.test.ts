/** Ack levels with real servers: what each promises, and what happens when replicas stop. */
import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import type { AckSettings, DatabaseStatus } from '../src/proto/interface.ts';
import { follow, ServerFixture, type ServerProcess } from './server-process.ts';

const insert = "INSERT INTO items (name) VALUES ('x')";

function update(server: ServerProcess, acks: Partial<AckSettings>) {
  const unchanged = { level: '', acks: 0, members: [], whenShort: '', degradeAfterMs: 0, timeoutMs: 0 };
  return server.client().then((client) =>
    client.updateDatabase({
      database: 'defaultdb',
      acks: { ...unchanged, ...acks },
    }),
  );
}

/** A primary with two replicas that have caught up. */
async function cluster(fixture: ServerFixture): Promise<ServerProcess[]> {
  const primary = await fixture.start('primary');
  const replicas = await Promise.all([
    fixture.start('first', ...follow(primary, '--node-name', 'first')),
    fixture.start('second', ...follow(primary, '--node-name', 'second')),
  ]);
  const txId = await primary.execute('defaultdb', 'CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL)');
  await Promise.all(replicas.map((replica) => replica.until('defaultdb', (status) => status.appliedTxId >= txId)));
  await primary.until('defaultdb', (status) => status.replicas.length === 2);
  return [primary, ...replicas];
}

const write = async (server: ServerProcess) =>
  await (await server.client()).execute('defaultdb', [{ sql: insert }], { timeoutMs: 20_000 });

const count = async (server: ServerProcess) =>
  Number((await server.query('defaultdb', 'SELECT count(*) FROM items'))[0]?.[0]);

test('a write that was acknowledged at sync 2 is on the disks of both replicas when the primary is killed', async (t) => {
  const [primary, first, second] = (await cluster(new ServerFixture(t))) as [
    ServerProcess,
    ServerProcess,
    ServerProcess,
  ];
  await update(primary, { level: 'sync', acks: 2 });
  let last = 0;
  for (let round = 0; round < 20; round += 1) {
    const { txId, acks } = await write(primary);
    assert.equal(acks, 2);
    last = txId;
  }
  await primary.stop('SIGKILL');
  for (const replica of [first, second]) {
    assert.ok((await replica.database('defaultdb')).durableTxId >= last);
  }
});

test('with too few replicas a write is in doubt and shown nowhere, and it commits when the replica is back', async (t) => {
  const [primary, first, second] = (await cluster(new ServerFixture(t))) as [
    ServerProcess,
    ServerProcess,
    ServerProcess,
  ];
  await update(primary, { level: 'sync', acks: 2, timeoutMs: 300 });
  process.kill(second.processId, 'SIGSTOP');
  const error = await write(primary).then(
    () => undefined,
    (thrown: { code: string; details: { txId: number } }) => thrown,
  );
  assert.equal(error?.code, 'COMMIT_IN_DOUBT');
  const txId = Number(error?.details.txId);
  const client = await primary.client();
  assert.equal(await client.outcome('defaultdb', txId), 'waiting');
  await first.until('defaultdb', (status) => status.durableTxId >= txId);
  assert.deepEqual([await count(primary), await count(first)], [0, 0]);
  assert.equal((await primary.database('defaultdb')).ackStatus, 'waiting');
  await assert.rejects(write(primary), { code: 'QUORUM_UNAVAILABLE' });
  process.kill(second.processId, 'SIGCONT');
  await primary.until('defaultdb', (status) => status.commitTxId >= txId);
  assert.equal(await client.outcome('defaultdb', txId), 'committed');
  assert.equal(await count(primary), 1);
});

test('changing the level of a blocked primary releases it at once, without a restart', async (t) => {
  const [primary, , second] = (await cluster(new ServerFixture(t))) as [ServerProcess, ServerProcess, ServerProcess];
  await update(primary, { level: 'sync', acks: 2 });
  process.kill(second.processId, 'SIGSTOP');
  const pending = write(primary);
  await primary.until('defaultdb', (status) => status.ackStatus === 'waiting');
  await update(primary, { level: 'sync', acks: 1 });
  assert.equal((await pending).acks, 1);
  process.kill(second.processId, 'SIGCONT');
});

test('only the named replicas count, and a degraded database comes back by itself', async (t) => {
  const [primary, , second] = (await cluster(new ServerFixture(t))) as [ServerProcess, ServerProcess, ServerProcess];
  await update(primary, { level: 'quorum', members: ['second'], whenShort: 'degrade', degradeAfterMs: 200 });
  assert.equal((await write(primary)).acks, 1);
  process.kill(second.processId, 'SIGSTOP');
  assert.equal((await write(primary)).acks, 0);
  const degraded: DatabaseStatus = await primary.database('defaultdb');
  assert.deepEqual([degraded.ackStatus, degraded.degradations], ['degraded', 1]);
  process.kill(second.processId, 'SIGCONT');
  await primary.until('defaultdb', (status) => status.ackStatus === 'reached');
  assert.equal((await write(primary)).acks, 1);
});

test('one transaction may ask for a level of its own', async (t) => {
  const [primary, first] = (await cluster(new ServerFixture(t))) as [ServerProcess, ServerProcess];
  const client = await primary.client();
  const options = { acks: { level: 'applied', acks: 2 } };
  const { txId, acks } = await client.execute('defaultdb', [{ sql: insert }], options);
  assert.equal(acks, 2);
  assert.ok((await first.database('defaultdb')).appliedTxId >= txId);
  await assert.rejects(client.execute('defaultdb', [{ sql: insert }], { acks: { level: 'most', acks: 1 } }), {
    code: 'INVALID_ARGUMENT',
  });
});
