import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { primarySettings, TestFolder } from '../../test/test-database.ts';
import { createSeededRandom, SimulatedFileSystem } from '../runtime/interface.ts';
import { contentPath } from './content-directory.ts';
import { Database } from './interface.ts';
import { openOnThisThread } from './testing/on-this-thread.ts';

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

test('a database whose creation was cut off by a kill loses nothing later on when the power fails', async () => {
  for (let callsBefore = 0; callsBefore < 14; callsBefore += 1) {
    using folder = new TestFolder();
    const context = folder.context('shop');
    mkdirSync(contentPath(context.directory, 1), { recursive: true });
    const files = new SimulatedFileSystem(createSeededRandom(callsBefore));
    files.makeDirectorySync(folder.path);
    for (let parent = folder.path; parent !== '/'; parent = path.dirname(parent)) {
      files.syncDirectorySync(path.dirname(parent));
    }
    const first = files.operations;
    const openHere = () => openOnThisThread({ ...context, runtime: { ...context.runtime, files } }, primarySettings);

    files.planFaults(({ index }) => (index >= first + callsBefore ? 'disk-full' : undefined));
    const unfinished = await openHere().catch(() => undefined);
    await unfinished?.[Symbol.asyncDispose]();
    files.restart();
    const database = await openHere();
    await database.writer.transact([{ sql: 'CREATE TABLE item (id INTEGER PRIMARY KEY)' }]);
    files.losePower();
    await using reopened = await openHere();
    assert.equal(reopened.positions().tip, 1, `cut off after ${callsBefore} calls`);
  }
});
