import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { primarySettings, replicaSettings, TestFolder } from '../../test/test-database.ts';
import { QuorateError } from '../errors/interface.ts';
import { createSeededRandom, SimulatedFileSystem } from '../runtime/interface.ts';
import { contentPath } from './content-directory.ts';
import type { Database, DatabaseContext, FeedRunner } from './interface.ts';
import { openOnThisThread } from './testing/on-this-thread.ts';

const member = { ...primarySettings, group: { id: 'g1' } };
const insert = [{ sql: "INSERT INTO t (v) VALUES ('a')" }];

function isStale(error: unknown): boolean {
  return error instanceof QuorateError && error.code === 'STALE_TERM';
}

interface Reached {
  promised?: boolean;
  leads?: boolean;
  written?: boolean;
}

/** A member of a group with a table, whose settings and log are on a disk that can fail at any call. */
async function onFailingDisk(folder: TestFolder, seed: number) {
  const context = folder.context('shop');
  const files = new SimulatedFileSystem(createSeededRandom(seed));
  // SQLite writes to the real disk.
  mkdirSync(contentPath(context.directory, 1), { recursive: true });
  files.makeDirectorySync(folder.path);
  for (let parent = folder.path; parent !== '/'; parent = path.dirname(parent)) {
    files.syncDirectorySync(path.dirname(parent));
  }
  const own: DatabaseContext = { ...context, runtime: { ...context.runtime, files } };
  const open = () => openOnThisThread(own, primarySettings);
  const database = await open();
  await database.writer.transact([{ sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)' }]);
  await database.updateSettings(member);
  return { files, open, database };
}

/** Promises term 5 to itself, begins it and writes; stops where the disk does. */
async function rise(database: Database): Promise<Reached> {
  const reached: Reached = {};
  try {
    await database.leadership.promise(5, 'a');
    reached.promised = true;
    await database.leadership.lead({ term: 5, candidate: 'a' });
    reached.leads = true;
    await database.writer.transact(insert);
    reached.written = true;
  } catch (error) {
    assert.ok(error instanceof QuorateError && error.code !== 'INTERNAL', String(error));
  }
  return reached;
}

test('whenever the power fails while a term is promised and begun, what was promised and written is kept', async () => {
  let reached: Reached = {};
  for (let callsBefore = 0; reached.written !== true; callsBefore += 1) {
    assert.ok(callsBefore < 100, 'the disk has failed at every call');
    using folder = new TestFolder();
    const { files, open, database } = await onFailingDisk(folder, callsBefore);
    const first = files.operations;
    files.planFaults(({ index }) => (index >= first + callsBefore ? 'disk-full' : undefined));
    reached = await rise(database);
    await database[Symbol.asyncDispose]();
    files.restart();
    files.losePower();

    await using again = await open();
    const { leadership } = again;
    const { tip, commit } = again.positions();
    assert.equal(again.settings.role, 'replica');
    assert.ok(!reached.leads || tip >= 2, `the term was begun, and the log ends at ${tip}`);
    assert.ok(!reached.written || (tip === 3 && commit === 3), 'the write is there');
    if (reached.promised) {
      await assert.rejects(leadership.promise(4, 'b'), isStale);
      await assert.rejects(leadership.promise(5, 'b'), isStale);
    }
    await leadership.promise(6, 'b');
    await leadership.lead({ term: 6, candidate: 'b' });
    const { position } = await again.writer.transact(insert);
    assert.deepEqual(position, { term: 6, txId: tip + 2 }, `cut off after ${callsBefore} calls`);
  }
});

test('whoever feeds a replica on its writer learns of a promise before it is answered', async () => {
  using folder = new TestFolder();
  const events: string[] = [];
  const runner: FeedRunner = {
    open(_start, sink, owner) {
      const end = sink.subscribe(() => {
        events.push(`told ${sink.promisedTerm()}`);
        end();
        owner.ended(new QuorateError('STALE_TERM', 'over'));
      });
      events.push('fed');
      return { close: () => {} };
    },
  };
  await using database = await openOnThisThread(folder.context('shop'), replicaSettings, runner);
  database.feeds.open({}, { report: () => {}, ended: (error) => events.push(`ended ${error?.code}`) });
  await database.leadership.promise(4, 'b').then(() => events.push('answered'));
  assert.deepEqual(events, ['fed', 'told 4', 'ended STALE_TERM', 'answered']);
});
