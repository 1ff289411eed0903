import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryNode } from './testing/temporary-node.ts';

const adminPassword = 'a password of this test';

test('a handle that was opened before a snapshot is installed reads its content afterwards', async () => {
  const limits = { snapshotSeedBytes: 1 };
  await using server = await temporaryNode({ listen: { port: 0 }, adminPassword, limits });
  await using edge = await temporaryNode({ limits: { backoffMaxMs: 200 } });
  const primary = await server.node.openOrCreate('shop');
  await primary.execute('CREATE TABLE item (id INTEGER PRIMARY KEY, body BLOB)');
  await primary.execute('INSERT INTO item VALUES (1, NULL)');
  for (let round = 0; round < 30; round += 1) {
    await primary.execute('UPDATE item SET body = randomblob(100000)');
  }
  const upstream = { host: '127.0.0.1', port: server.node.address?.port, username: 'admin', password: adminPassword };
  const replica = await edge.node.replica('copy', { ...upstream, database: 'shop', password: 'wrong' });
  assert.throws(() => replica.query('SELECT * FROM item'), { code: 'SQL_ERROR' });
  await edge.node.replica('copy', { ...upstream, database: 'shop' });
  await replica.waitFor(primary.position());
  const look = 'SELECT id, hex(substr(body, 1, 20)) AS start FROM item';
  assert.deepEqual(replica.query(look), primary.query(look));
  assert.equal((await replica.queryAsync<{ id: number }>('SELECT id FROM item'))[0]?.id, 1);
  assert.equal((await replica.digest()).digest, (await primary.digest()).digest);
  await primary.execute('DELETE FROM item');
  await replica.waitFor(primary.position());
  assert.deepEqual(replica.query('SELECT * FROM item'), []);
});
