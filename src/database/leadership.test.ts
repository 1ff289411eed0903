import assert from 'node:assert/strict';
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { catchUp, hasCode, primarySettings, replicaSettings, shown, TestFolder } from '../../test/test-database.ts';
import { decodeRecords } from '../log/interface.ts';
import { termStartOperations } from '../sqlite/interface.ts';
import { defaultAckSettings } from './acks.ts';
import { Database } from './database.ts';
import type { AckSettings, DatabaseSettings } from './types.ts';

const group = { id: 'g1' };
const follower: DatabaseSettings = { ...replicaSettings, group };
const sync: AckSettings = { ...defaultAckSettings, level: { kind: 'sync', acks: 1 } };
const insert = (v: string) => [{ sql: 'INSERT INTO t (v) VALUES (?)', parameters: [v] }];

/** A primary of term 1 with a table, and a member of a group that has all it has. */
class Pair implements AsyncDisposable {
  readonly primary: Database;
  member: Database;

  private constructor(primary: Database, member: Database) {
    this.primary = primary;
    this.member = member;
  }

  static async open(folder: TestFolder): Promise<Pair> {
    const primary = await Database.create(folder.context('primary'), primarySettings);
    await primary.writer.transact([{ sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE)' }]);
    const member = await Database.create(folder.context('member'), follower);
    await catchUp(primary, member);
    return new Pair(primary, member);
  }

  /** Opens the member again. */
  async reopen(folder: TestFolder): Promise<Database> {
    await this.member[Symbol.asyncDispose]();
    this.member = await Database.open(folder.context('member'));
    return this.member;
  }

  /** Carries the record after `txId` to the member, which is told that all up to `commitTxId` is committed. */
  async carry(txId: number, commitTxId: number, term: number): Promise<void> {
    const { bytes } = await this.primary.source.read(txId + 1, 1);
    await this.member.sink.append(Uint8Array.from(bytes), commitTxId, term);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.primary[Symbol.asyncDispose]();
    await this.member[Symbol.asyncDispose]();
  }
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
  await using pair = await Pair.open(folder);
  const { member } = pair;
  const position = await member.leadership.promise(5, 'b');
  assert.deepEqual([position.promisedTerm, position.durable.txId, position.durable.term], [5, 1, 1]);
  assert.deepEqual([position.committedTxId, position.appliedTxId], [1, 1]);
  await member.leadership.lead({ term: 5, candidate: 'b' });
  assert.equal(member.leadership.isLeaseValid(), true);
  const { position: written } = await member.writer.transact(insert('a'));
  assert.deepEqual(written, { term: 5, txId: 3 });
  const [start] = decodeRecords((await member.source.read(2, 1)).bytes);
  assert.deepEqual([start?.term, Uint8Array.from(start?.operations ?? [])], [5, termStartOperations()]);
});

test('a member opens as a replica that follows nobody, with what it had and does not show', async () => {
  using folder = new TestFolder();
  await using pair = await Pair.open(folder);
  const { member } = pair;
  await member.leadership.lead({ term: 2, candidate: 'b', acks: sync });
  const again = await pair.reopen(folder);
  assert.deepEqual([again.settings.role, again.settings.replication.upstream], ['replica', undefined]);
  assert.deepEqual(again.positions(), { tip: 2, durable: 2, commit: 1, applied: 1, term: 2 });
  await assert.rejects(again.writer.transact(insert('b')), hasCode('READ_ONLY_REPLICA'));
  await pair.primary.leadership.lead({ term: 3, candidate: 'a' });
  await again.sink.truncateAfter(1, 3);
  await pair.primary.writer.transact(insert('of the other history'));
  await catchUp(pair.primary, again);
  assert.equal(shown(again), 1);
});

/** Keeps SQLite's files as they are; what is returned puts them back, as a loss of power may. */
function keepFiles(file: string): () => void {
  const names = ['', '-wal'].map((suffix) => `${file}${suffix}`).filter((name) => existsSync(name));
  for (const name of names) {
    copyFileSync(name, `${name}.kept`);
  }
  return () => {
    for (const suffix of ['', '-wal', '-shm']) {
      rmSync(`${file}${suffix}`, { force: true });
    }
    for (const name of names) {
      copyFileSync(`${name}.kept`, name);
    }
  };
}

test('what a member committed alone stays committed when SQLite has lost it, so that it is never cut unsaved', async () => {
  using folder = new TestFolder();
  await using pair = await Pair.open(folder);
  const { member } = pair;
  await member.leadership.lead({ term: 2, candidate: 'b' });
  const losePower = keepFiles(member.filePath);
  await member.writer.transact(insert('acknowledged'));
  await member[Symbol.asyncDispose]();
  losePower();
  const again = await pair.reopen(folder);
  assert.deepEqual([again.positions().commit, again.positions().tip], [3, 3]);
  await again[Symbol.asyncDispose]();
  losePower();
  assert.equal((await pair.reopen(folder)).positions().commit, 3);
});

test('a member that has promised a term serves all that it has, in that term', async () => {
  using folder = new TestFolder();
  await using pair = await Pair.open(folder);
  const { primary, member } = pair;
  await primary.writer.transact(insert('not known to be committed'));
  await pair.carry(1, 1, 1);
  await until(member, () => member.positions().durable === 2);
  assert.deepEqual([member.source.exportableTxId(), member.source.positions().term], [1, 1]);
  await member.leadership.promise(4, 'c');
  assert.deepEqual([member.source.exportableTxId(), member.source.positions().term], [2, 4]);
  assert.equal(member.leadership.promisedTo, 'c');
});

test('what was known to be committed stays so when a term begins and in every role after it', async () => {
  using folder = new TestFolder();
  await using pair = await Pair.open(folder);
  const { primary, member } = pair;
  await member.updateSettings({ ...follower, replication: { ...follower.replication, delayMs: 3_600_000 } });
  await primary.writer.transact(insert('known and not applied'));
  await pair.carry(1, 2, 1);
  await until(member, () => member.positions().commit === 2);
  assert.equal(member.positions().applied, 1);
  await member.leadership.lead({ term: 3, candidate: 'b', acks: sync });
  assert.equal(member.positions().commit, 2);
  await member.leadership.stepDown();
  assert.equal(member.positions().commit, 2);
});

test('a promise is kept over a restart: no lower term, and the same term only for the same candidate', async () => {
  using folder = new TestFolder();
  await using pair = await Pair.open(folder);
  await pair.member.leadership.promise(7, 'b');
  const { leadership } = await pair.reopen(folder);
  await assert.rejects(leadership.promise(6, 'b'), hasCode('STALE_TERM'));
  await assert.rejects(leadership.promise(7, 'c'), hasCode('STALE_TERM'));
  await assert.rejects(leadership.lead({ term: 6, candidate: 'b' }), hasCode('STALE_TERM'));
  await assert.rejects(leadership.lead({ term: 7, candidate: 'c' }), hasCode('STALE_TERM'));
  assert.equal((await leadership.promise(7, 'b')).promisedTerm, 7);
  await leadership.promise(8, 'c');
  await assert.rejects(leadership.lead({ term: 7, candidate: 'b' }), hasCode('STALE_TERM'));
});

test('after a promise nothing from a primary of a lower term is logged, cut or shown', async () => {
  using folder = new TestFolder();
  await using pair = await Pair.open(folder);
  const { primary, member } = pair;
  await primary.writer.transact(insert('a'));
  await primary.writer.transact(insert('b'));
  await pair.carry(1, 1, 1);
  const promised = member.leadership.promise(4, 'c');
  const late = assert.rejects(pair.carry(2, 3, 1), hasCode('STALE_TERM'));
  const { durable, committedTxId } = await promised;
  assert.deepEqual([durable.txId, committedTxId], [2, 1]);
  await late;
  member.sink.commitTo(2, 1);
  await assert.rejects(member.sink.truncateAfter(1, 1), hasCode('STALE_TERM'));
  assert.deepEqual(member.positions(), { tip: 2, durable: 2, commit: 1, applied: 1, term: 1 });
  await pair.carry(2, 3, 4);
  await member.waitFor(3, 10_000);
});

test('a primary that promises a later term steps down: what is in its log is in doubt, the rest was not begun', async () => {
  using folder = new TestFolder();
  await using former = await Database.create(folder.context('former'), primarySettings);
  await former.writer.transact([{ sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)' }]);
  await former.updateSettings({ ...primarySettings, acks: sync });
  const logged = former.writer.transact(insert('in the log'));
  const first = assert.rejects(logged, hasCode('COMMIT_IN_DOUBT'));
  await until(former, () => former.positions().durable === 2);
  const second = assert.rejects(former.writer.transact(insert('in the queue')), hasCode('STEPPED_DOWN'));
  const { durable, committedTxId } = await former.leadership.promise(2, 'b');
  await Promise.all([first, second]);
  assert.deepEqual([durable.txId, committedTxId, former.settings.role, shown(former)], [2, 1, 'replica', 0]);
  await assert.rejects(former.writer.transact(insert('c')), hasCode('READ_ONLY_REPLICA'));
});

test('what an earlier primary left in the log is committed by the record that begins the term, not by its own acknowledgements', async () => {
  using folder = new TestFolder();
  await using pair = await Pair.open(folder);
  const { primary, member } = pair;
  await primary.writer.transact(insert('a'));
  await pair.carry(1, 1, 1);
  await member.leadership.lead({ term: 2, candidate: 'b', acks: sync });
  const write = member.writer.transact(insert('b'));
  member.source.acknowledge([2], [1]);
  // It takes its messages in order.
  await member.leadership.resumeWrites();
  assert.deepEqual([shown(member), member.positions().commit, member.leadership.isLeaseValid()], [0, 1, false]);
  member.source.acknowledge([3], [1]);
  await until(member, () => member.positions().durable === 4);
  assert.deepEqual([shown(member), member.leadership.isLeaseValid()], [1, true]);
  member.source.acknowledge([4], [4]);
  assert.deepEqual((await write).position, { term: 2, txId: 4 });
});

test('a replica that never met its upstream becomes a primary only where that is said', async () => {
  using folder = new TestFolder();
  await using blank = await Database.create(folder.context('blank'), replicaSettings);
  await assert.rejects(blank.updateSettings(primarySettings), hasCode('INVALID_ARGUMENT'));
  await assert.rejects(blank.leadership.lead({ term: 1, candidate: 'b' }), hasCode('INVALID_ARGUMENT'));
  assert.equal(blank.settings.role, 'replica');
  await blank.updateSettings(primarySettings, { startsDatabase: true });
  const { position } = await blank.writer.transact([{ sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY)' }]);
  assert.deepEqual(position, { term: 1, txId: 2 });
});

test('a promotion that records of a later term overtake leaves a replica, which can be promoted again', async () => {
  using folder = new TestFolder();
  await using primary = await Database.create(folder.context('primary'), { ...primarySettings, term: 7 });
  await primary.writer.transact([{ sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE)' }]);
  await using replica = await Database.create(folder.context('replica'), replicaSettings);
  await replica.sink.initialize(primary.databaseId as Uint8Array);
  const { bytes } = await primary.source.read(1, 1);
  const appended = replica.sink.append(Uint8Array.from(bytes), 1, 7);
  await assert.rejects(replica.updateSettings(primarySettings), hasCode('STALE_TERM'));
  await appended;
  assert.equal(replica.settings.role, 'replica');
  await replica.updateSettings(primarySettings);
  assert.equal((await replica.writer.transact(insert('a'))).position.term, 8);
});

test('a member of a group is not promoted by hand', async () => {
  using folder = new TestFolder();
  await using pair = await Pair.open(folder);
  await assert.rejects(pair.member.updateSettings({ ...primarySettings, group }), hasCode('WRONG_ROLE'));
});

test('while writes are paused they wait; an open transaction may end in time and is rolled back after it', async () => {
  using folder = new TestFolder();
  await using pair = await Pair.open(folder);
  const { primary } = pair;
  const { leadership, writer } = primary;
  const open = await writer.begin();
  await open.run({ sql: "INSERT INTO t (v) VALUES ('in time')" });
  const paused = leadership.pauseWrites(60_000);
  const waiting = writer.transact(insert('later'));
  await open.commit();
  assert.equal((await paused).txId, 2);
  assert.equal(shown(primary), 1);
  await leadership.resumeWrites();
  assert.equal((await waiting).position.txId, 3);

  const slow = await writer.begin();
  await slow.run({ sql: "INSERT INTO t (v) VALUES ('too late')" });
  assert.equal((await leadership.pauseWrites(20)).txId, 3);
  await assert.rejects(slow.commit(), hasCode('STEPPED_DOWN'));
  const queued = assert.rejects(writer.transact(insert('never begun')), hasCode('STEPPED_DOWN'));
  await leadership.stepDown();
  await queued;
  assert.deepEqual([primary.settings.role, primary.positions().tip, shown(primary)], ['replica', 3, 2]);
});

test('a pause ends by itself when the replicas do not acknowledge what is in the log', async () => {
  using folder = new TestFolder();
  await using pair = await Pair.open(folder);
  const { primary } = pair;
  await primary.updateSettings({ ...primarySettings, acks: sync });
  const write = primary.writer.transact(insert('a'));
  await until(primary, () => primary.positions().durable === 2);
  await assert.rejects(primary.leadership.pauseWrites(20), hasCode('QUORUM_UNAVAILABLE'));
  assert.equal((await primary.leadership.pauseWrites(60_000, 'logged')).txId, 2);
  assert.equal(shown(primary), 0);
  await primary.leadership.resumeWrites();
  primary.source.acknowledge([2], [2]);
  assert.equal((await write).position.txId, 2);
  primary.source.acknowledge([3], [3]);
  assert.equal((await primary.writer.transact(insert('b'))).position.txId, 3);
});

test('a snapshot from a primary of a lower term is not installed after a promise', async () => {
  using folder = new TestFolder();
  await using pair = await Pair.open(folder);
  const { primary, member } = pair;
  await primary.writer.transact(insert('a'));
  using lease = await primary.snapshots.acquire('');
  const content = Buffer.alloc(lease.header.sizeBytes);
  await lease.read(content, 0);
  await member.inbox.begin(lease.header, 0, 1);
  await member.inbox.write(0, content);
  await member.leadership.promise(4, 'c');
  await assert.rejects(member.inbox.install(await lease.sha256()), hasCode('STALE_TERM'));
  await assert.rejects(member.inbox.begin(lease.header, 0, 1), hasCode('STALE_TERM'));
  assert.deepEqual([member.positions().tip, member.positions().applied], [1, 1]);
  await member.inbox.pause();
});
