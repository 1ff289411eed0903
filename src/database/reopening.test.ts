import assert from 'node:assert/strict';
import { test } from 'node:test';
import { primarySettings, TestFolder } from '../../test/test-database.ts';
import { Database } from './interface.ts';

test('a database that was opened again can be followed before anybody writes to it', async () => {
  using folder = new TestFolder();
  const context = folder.context('shop');
  let identity: Uint8Array | undefined;
  {
    await using database = await Database.create(context, primarySettings);
    await database.writer.transact([{ sql: 'CREATE TABLE item (id INTEGER PRIMARY KEY)' }]);
    identity = database.source.databaseId;
  }
  await using database = await Database.open(context);
  assert.ok(identity !== undefined);
  assert.deepEqual(database.source.databaseId, identity);
});
