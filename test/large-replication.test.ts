/** Transactions and replicas that would not fit into memory limits if anybody kept more than is needed. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { follow, ServerFixture } from './server-process.ts';

const mebibyte = 1024 * 1024;

const createFiles = 'CREATE TABLE files (id INTEGER PRIMARY KEY, content BLOB)';

function insertFiles(count: number, sizeBytes: number): string {
  return `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
    INSERT INTO files (content) SELECT randomblob(${sizeBytes}) FROM n`;
}

/** Resident memory of a process, in bytes. */
function memoryBytes(processId: number): number {
  const status = readFileSync(`/proc/${processId}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

test('a transaction of 50 MB reaches a replica and the replica of that replica in parts', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const near = await fixture.start('near', ...follow(primary));
  const far = await fixture.start('far', ...follow(near));
  await primary.execute('defaultdb', createFiles);
  const txId = await primary.execute('defaultdb', insertFiles(50, mebibyte));
  const expected = await primary.digest('defaultdb');
  for (const replica of [near, far]) {
    await replica.until('defaultdb', ({ appliedTxId }) => appliedTxId === txId);
    assert.equal(await replica.digest('defaultdb'), expected);
  }
});

test('a peer that does not read what it has asked for costs the primary no memory', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  await primary.execute('defaultdb', createFiles);
  const client = await primary.client();
  const write = async (count: number) => {
    for (let index = 0; index < count; index += 1) {
      await primary.execute('defaultdb', insertFiles(1, mebibyte));
    }
  };
  await write(60);
  const before = memoryBytes(primary.processId);

  const nothing = { txId: 0, term: 0, hash: Buffer.alloc(32) };
  const stream = client.openExportTx();
  stream.on('error', () => {});
  stream.once('data', () => stream.pause());
  stream.write({
    message: {
      $case: 'start',
      value: {
        ...{
          protocolMin: 1,
          protocolMax: 1,
          database: 'defaultdb',
          databaseId: Buffer.alloc(0),
          promisedTerm: 0,
          acceptsSnapshot: false,
        },
        ...{ durable: nothing, committed: nothing, between: [], replicaId: 'deaf', replicaName: 'deaf', httpUrl: '' },
      },
    },
  });
  await primary.until('defaultdb', ({ replicas }) => replicas.some(({ sentTxId }) => sentTxId > 0));
  await write(240);
  const { replicas, tipTxId } = await primary.database('defaultdb');
  const after = memoryBytes(primary.processId);
  stream.cancel();
  const grownMiB = Math.round((after - before) / mebibyte);
  t.diagnostic(`the peer was sent ${replicas[0]?.sentTxId} of ${tipTxId} transactions; memory grew by ${grownMiB} MiB`);
  assert.ok((replicas[0]?.sentTxId ?? 0) < tipTxId / 4, 'the primary waits for the peer');
  assert.ok(grownMiB < 100, `memory grew by ${grownMiB} MiB while 240 MiB were not read`);
});
