import assert from 'node:assert/strict';
import { test } from 'node:test';
import { catchUp, hasCode, primarySettings, replicaSettings, shown, TestFolder } from '../../test/test-database.ts';
import { defaultAckSettings, ruleOf } from './acks.ts';
import { Database } from './database.ts';
import type { AckLevel, AckSettings, DatabaseSettings, TransactResult } from './types.ts';

const insert = { sql: 'INSERT INTO t (v) VALUES (?)', parameters: ['a'] };

function withAcks(acks: Partial<AckSettings>): DatabaseSettings {
  return { ...primarySettings, acks: { ...defaultAckSettings, ...acks } };
}

/** A database with one table, made before acknowledgements were asked for. */
async function open(folder: TestFolder, acks: Partial<AckSettings>): Promise<Database> {
  const database = await Database.create(folder.context('shop'), primarySettings);
  await database.writer.transact([{ sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)' }]);
  await database.updateSettings(withAcks(acks));
  return database;
}

/** Resolves when the record is in the log and durable. */
async function logged(database: Database, txId: number): Promise<void> {
  while (database.positions().durable < txId) {
    await new Promise<void>((resolve) => {
      const unsubscribe = database.source.subscribe(() => {
        unsubscribe();
        resolve();
      });
    });
  }
}

test('a quorum is a majority of the primary and its named replicas', () => {
  const quorum = (members: string[]) => ruleOf({ kind: 'quorum' }, members).durable;
  assert.deepEqual(
    [quorum(['a']), quorum(['a', 'b']), quorum(['a', 'b', 'c']), quorum(['a', 'b', 'c', 'd'])],
    [1, 1, 2, 2],
  );
  assert.throws(() => quorum([]), hasCode('INVALID_ARGUMENT'));
  assert.throws(() => ruleOf({ kind: 'sync', acks: 3 }, ['a', 'b']), hasCode('INVALID_ARGUMENT'));
});

/** Reports acknowledgements and returns when the writer has heard them: it takes its messages in order. */
async function acknowledge(database: Database, durable: number[], applied: number[] = durable): Promise<void> {
  database.source.acknowledge(durable, applied);
  await database.updateSettings(database.settings);
}

interface Write {
  readonly result: Promise<TransactResult>;
  isAnswered: boolean;
}

function write(database: Database, acks?: AckLevel): Write {
  const pending: Write = { result: database.writer.transact([insert], { acks }), isAnswered: false };
  const answered = () => {
    pending.isAnswered = true;
  };
  pending.result.then(answered, answered);
  return pending;
}

test('a transaction is shown and answered only when enough replicas hold it durably', async () => {
  using folder = new TestFolder();
  await using database = await open(folder, { level: { kind: 'sync', acks: 2 } });
  const pending = write(database);
  await logged(database, 2);
  await acknowledge(database, [2, 1]);
  assert.deepEqual([pending.isAnswered, shown(database), database.positions().commit], [false, 0, 1]);
  await acknowledge(database, [2, 2], [0, 0]);
  const { position, acks } = await pending.result;
  assert.deepEqual([position.txId, acks, shown(database)], [2, 2, 1]);
});

test('at level applied the answer waits until replicas show the transaction', async () => {
  using folder = new TestFolder();
  await using database = await open(folder, { level: { kind: 'applied', acks: 1 } });
  const pending = write(database);
  await logged(database, 2);
  await acknowledge(database, [2], [1]);
  assert.deepEqual([pending.isAnswered, shown(database)], [false, 1]);
  await acknowledge(database, [2], [2]);
  assert.equal((await pending.result).position.txId, 2);
});

test('a transaction may ask for more than its database does', async () => {
  using folder = new TestFolder();
  await using database = await open(folder, { level: { kind: 'async' } });
  assert.equal((await database.writer.transact([insert])).acks, 0);
  const pending = write(database, { kind: 'sync', acks: 1 });
  await logged(database, 3);
  await acknowledge(database, [2]);
  assert.equal(pending.isAnswered, false);
  await acknowledge(database, [3]);
  assert.equal((await pending.result).acks, 1);
});

test('when acknowledgements do not come the client is told that the outcome is not known, and it still commits later', async () => {
  using folder = new TestFolder();
  await using database = await open(folder, { level: { kind: 'sync', acks: 1 }, timeoutMs: 60 });
  const first = write(database);
  await logged(database, 2);
  const second = write(database);
  await assert.rejects(first.result, hasCode('COMMIT_IN_DOUBT'));
  await assert.rejects(second.result, hasCode('QUORUM_UNAVAILABLE'));
  assert.deepEqual([shown(database), database.positions().tip], [0, 2]);
  await acknowledge(database, [2]);
  await database.waitFor(2, 10_000);
  assert.equal(shown(database), 1);
});

test('changing the settings of a blocked database releases it at once', async () => {
  using folder = new TestFolder();
  await using database = await open(folder, { level: { kind: 'sync', acks: 2 } });
  const pending = write(database);
  await logged(database, 2);
  await acknowledge(database, [2]);
  assert.equal(pending.isAnswered, false);
  await database.updateSettings(withAcks({ level: { kind: 'sync', acks: 1 } }));
  assert.equal((await pending.result).acks, 1);
});

test('a blocked database that changes its role waits for nobody any more', async () => {
  using folder = new TestFolder();
  await using database = await open(folder, { level: { kind: 'sync', acks: 1 }, timeoutMs: 60 });
  await assert.rejects(write(database).result, hasCode('COMMIT_IN_DOUBT'));
  assert.deepEqual([database.ackReport().status, database.source.awaitedCount()], ['waiting', 1]);
  await database.updateSettings(replicaSettings);
  await database.updateSettings(primarySettings);
  assert.deepEqual([database.ackReport().status, database.source.awaitedCount()], ['reached', 0]);
  assert.equal(shown(database), 1, 'it is asynchronous now');
});

test('writes behind a blocked one ask for no more than the new settings do', async () => {
  using folder = new TestFolder();
  await using database = await open(folder, { level: { kind: 'sync', acks: 2 } });
  const writes = [write(database), write(database, { kind: 'sync', acks: 2 })];
  await logged(database, 2);
  writes.push(write(database), write(database, { kind: 'applied', acks: 2 }));
  await acknowledge(database, [1]);
  await database.updateSettings(withAcks({ level: { kind: 'async' } }));
  await Promise.all(writes.map(({ result }) => result));
  assert.equal(shown(database), 4);
});

test('clients that wait until replicas show a transaction are released by new settings', async () => {
  using folder = new TestFolder();
  await using database = await open(folder, { level: { kind: 'applied', acks: 1 } });
  const pending = write(database);
  await logged(database, 2);
  await acknowledge(database, [2], [1]);
  assert.deepEqual([pending.isAnswered, shown(database)], [false, 1]);
  await database.updateSettings(withAcks({ level: { kind: 'sync', acks: 1 } }));
  assert.equal((await pending.result).acks, 1);
});

test('a database that may degrade goes on without replicas, says so, and asks for them again when they are back', async () => {
  using folder = new TestFolder();
  await using database = await open(folder, {
    level: { kind: 'sync', acks: 1 },
    whenShort: 'degrade',
    degradeAfterMs: 60,
  });
  assert.equal((await database.writer.transact([insert])).acks, 0);
  assert.deepEqual(database.ackReport(), { status: 'degraded', degradations: 1 });
  await acknowledge(database, [2]);
  assert.equal(database.ackReport().status, 'reached');
  const pending = write(database);
  await logged(database, 3);
  await acknowledge(database, [2]);
  assert.equal(pending.isAnswered, false);
  await acknowledge(database, [3]);
  assert.equal((await pending.result).acks, 1);
});

test('what waited when the node stopped is not shown after the restart before it is acknowledged', async () => {
  using folder = new TestFolder();
  {
    await using database = await open(folder, { level: { kind: 'sync', acks: 1 } });
    const pending = write(database);
    await logged(database, 2);
    pending.result.catch(() => {});
  }
  await using database = await Database.open(folder.context('shop'));
  assert.deepEqual(database.positions(), { tip: 2, durable: 2, commit: 1, applied: 1, term: 1 });
  assert.equal(shown(database), 0);
  const next = write(database);
  await acknowledge(database, [2]);
  await database.waitFor(2, 10_000);
  await logged(database, 3);
  await acknowledge(database, [3]);
  assert.equal((await next.result).position.txId, 3);
  assert.equal(shown(database), 2);
});

test('an interactive transaction waits for acknowledgements like any other', async () => {
  using folder = new TestFolder();
  await using database = await open(folder, { level: { kind: 'sync', acks: 1 } });
  const transaction = await database.writer.begin();
  await transaction.run(insert);
  const committed = transaction.commit();
  await logged(database, 2);
  assert.equal(shown(database), 0);
  await acknowledge(database, [2]);
  assert.equal((await committed).txId, 2);
  assert.equal(shown(database), 1);
});

test('a replica applies nothing that its primary has not committed', async () => {
  using folder = new TestFolder();
  await using primary = await open(folder, { level: { kind: 'sync', acks: 1 } });
  await using replica = await Database.create(folder.context('replica'), replicaSettings);
  await acknowledge(primary, [1]);
  await catchUp(primary, replica);
  const pending = write(primary);
  await logged(primary, 2);
  const batch = await primary.source.read(2, 1024);
  await replica.sink.append(Uint8Array.from(batch.bytes), primary.positions().commit, 1);
  assert.deepEqual([replica.positions().durable, replica.positions().applied, shown(replica)], [2, 1, 0]);
  await acknowledge(primary, [2]);
  await pending.result;
  replica.sink.commitTo(primary.positions().commit, 1);
  await replica.waitFor(2, 10_000);
});
