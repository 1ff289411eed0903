import assert from 'node:assert/strict';
import { test } from 'node:test';
import { catchUp, primarySettings, replicaSettings, scalar, TestFolder } from '../../test/test-database.ts';
import { QuorateError } from '../errors/interface.ts';
import { decodeRecords } from '../log/interface.ts';
import { markerOf, ReadConnection } from '../sqlite/interface.ts';
import { defaultAckSettings } from './acks.ts';
import { Database } from './database.ts';
import type { AckSettings, DatabaseSettings } from './types.ts';

const group = { id: 'g1' };
const follower: DatabaseSettings = { ...replicaSettings, group };
const sync: AckSettings = { ...defaultAckSettings, level: { kind: 'sync', acks: 1 } };
const insert = (v: string) => [{ sql: 'INSERT INTO t (v) VALUES (?)', parameters: [v] }];

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof QuorateError && error.code === code;
}

/** A primary of term 1 with a table, and members of a group that have all it has. */
async function newGroup(folder: TestFolder, names: readonly string[]): Promise<[Database, ...Database[]]> {
  const primary = await Database.create(folder.context('primary'), { ...primarySettings });
  await primary.writer.transact([{ sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE)' }]);
  const members: Database[] = [];
  for (const name of names) {
    const member = await Database.create(folder.context(name), follower);
    await catchUp(primary, member);
    members.push(member);
  }
  return [primary, ...members];
}

async function closeAll(databases: readonly Database[]): Promise<void> {
  for (const database of databases) {
    await database[Symbol.asyncDispose]();
  }
}

/** Rows that a reader outside of the writer sees. */
function shown(database: Database): number {
  using reader = ReadConnection.open(database.filePath);
  return Number(reader.get('SELECT count(*) AS n FROM t')?.['n']);
}

/** Resolves when the condition holds after some change of the log. */
async function until(database: Database, condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise<void>((resolve) => {
      const unsubscribe = database.source.subscribe(() => {
        unsubscribe();
        resolve();
      });
    });
  }
}

test('a member is granted a term, begins it with a record of its own, and writes', async () => {
  using folder = new TestFolder();
  const [primary, member] = await newGroup(folder, ['member']);
  assert.ok(member);
  const position = await member.leadership.promise(5, 'b');
  assert.deepEqual([position.promisedTerm, position.durable.txId, position.durable.term], [5, 1, 1]);
  assert.deepEqual([position.committedTxId, position.appliedTxId], [1, 1]);
  await member.leadership.lead({ term: 5, candidate: 'b' });
  assert.equal(member.leadership.isLeaseValid(), true);
  const { position: written } = await member.writer.transact(insert('a'));
  assert.deepEqual(written, { term: 5, txId: 3 });
  const [start] = decodeRecords((await member.source.read(2, 1)).bytes);
  assert.deepEqual(
    [start?.term, Buffer.from(markerOf(start?.operations ?? new Uint8Array()) ?? []).toString('latin1')],
    [5, 'new-term\x05\0\0\0\0\0\0\0'],
  );
  await closeAll([primary, member]);
});
