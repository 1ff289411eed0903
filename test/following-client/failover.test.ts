/** A client of servers whose primary is killed, and another one is promoted by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isQuorateError } from 'quorate/client';
import { until } from '../until.ts';
import { createLog, HandmadeGroup } from './group.ts';

test('from one address a client finds all nodes, and who is primary', async (t) => {
  const group = await HandmadeGroup.start(t, [], []);
  for (const first of [group.primary, ...group.replicas]) {
    const db = await group.connect({}, [first]);
    await until('all nodes are found', () => db.topology.members.every(({ httpUrl }) => httpUrl !== null));
    await until('all nodes are asked', () => db.status().nodes.every(({ nodeId }) => nodeId !== undefined));
    assert.equal(db.topology.primary, group.primary.ready.nodeId);
    assert.deepEqual(
      db.topology.members.map(({ nodeId, httpUrl, role }) => [nodeId, httpUrl, role]).sort(),
      [group.primary, ...group.replicas]
        .map((server) => [server.ready.nodeId, server.httpUrl, server === group.primary ? 'primary' : 'replica'])
        .sort(),
    );
  }
});

test('writes go on when the primary is killed, none is lost and none is there twice', async (t) => {
  const group = await HandmadeGroup.start(t, [], []);
  const db = await group.connect();
  await db.execute(createLog);
  await group.requireAcks(2);
  const changes: (string | null)[] = [];
  db.onTopologyChange(({ primary }) => changes.push(primary));
  let answered = 0;
  let wanted = Infinity;
  const acknowledged: string[] = [];
  // 64 writers; the table has no constraint that would hide a write that is there twice.
  const writer = async (name: number) => {
    for (let i = 0; answered < wanted; i += 1) {
      const entry = `${name}/${i}`;
      await db.execute('INSERT INTO log (entry) VALUES (?)', [entry], { timeoutMs: 60_000 });
      acknowledged.push(entry);
      answered += 1;
    }
  };
  await db.batch(['DROP TABLE log', 'CREATE TABLE log (id INTEGER PRIMARY KEY, entry TEXT)']);
  const writers = Array.from({ length: 64 }, (_, name) => writer(name));
  await until('writes are answered', () => answered >= 200);
  await group.primary.stop('SIGKILL');
  // Both hold what was acknowledged, since both had to acknowledge it; the one that has more becomes primary.
  const [first, second] = await Promise.all(group.replicas.map((replica) => replica.database('defaultdb')));
  const longer = (first?.tipTxId ?? 0) >= (second?.tipTxId ?? 0) ? 0 : 1;
  const promoted = group.replicas[longer];
  assert.ok(promoted !== undefined);
  await group.promote(promoted);
  const before = answered;
  await until('writes are answered again', () => answered > before + 200);
  wanted = 0;
  await Promise.all(writers);
  const rows = await db.query<{ entry: string }>('SELECT entry FROM log', [], { consistency: 'linearizable' });
  const entries = rows.map(({ entry }) => entry);
  assert.equal(new Set(entries).size, entries.length, 'a write is there twice');
  const stored = new Set(entries);
  assert.deepEqual(
    acknowledged.filter((entry) => !stored.has(entry)),
    [],
    'a write that was acknowledged is lost',
  );
  assert.ok(changes.includes(promoted.ready.nodeId));
});

test('a write whose answer was lost is asked for, and told once', async (t) => {
  const group = await HandmadeGroup.start(t, []);
  const db = await group.connect();
  await db.execute(createLog);
  await group.requireAcks(1);
  const [replica] = group.replicas;
  assert.ok(replica !== undefined);
  process.kill(replica.processId, 'SIGSTOP');
  t.after(() => replica.stop('SIGKILL'));
  const impatient = await group.connect({ limits: { attemptTimeoutMs: 300, connectTimeoutMs: 300 } });
  const write = impatient.execute("INSERT INTO log (entry) VALUES ('once')", [], { timeoutMs: 60_000 });
  await until('an answer is missing', () => impatient.status().doubts > 0);
  process.kill(replica.processId, 'SIGCONT');
  const { repeated, position } = await write;
  assert.equal(repeated, true);
  assert.match(position, /^q1-/);
  assert.deepEqual(await db.query('SELECT count(*) AS n FROM log', [], { consistency: 'linearizable' }), [{ n: 1 }]);
});

test('a transaction whose commit was not answered is asked for', async (t) => {
  const group = await HandmadeGroup.start(t, []);
  const [replica] = group.replicas;
  assert.ok(replica !== undefined);
  const db = await group.connect({ limits: { attemptTimeoutMs: 500, connectTimeoutMs: 500 } });
  await db.execute(createLog);
  await group.requireAcks(1);
  const transaction = db.transaction(
    async (tx) => {
      await tx.execute("INSERT INTO log (entry) VALUES ('commit')");
      process.kill(replica.processId, 'SIGSTOP');
      setTimeout(() => process.kill(replica.processId, 'SIGCONT'), 1_500);
      return 'done';
    },
    { timeoutMs: 60_000 },
  );
  // The claim of its key waits behind it, and is not answered either while the replica stands still.
  const outcome = await transaction.catch((error: unknown) => (isQuorateError(error) ? error.code : error));
  assert.ok(outcome === 'done' || outcome === 'COMMIT_IN_DOUBT', String(outcome));
  await until('it is committed', async () => (await db.query('SELECT 1 FROM log')).length === 1);
});

test('a write that nobody can answer for in time is in doubt, and one without a key is at once', async (t) => {
  const group = await HandmadeGroup.start(t, []);
  const limits = { attemptTimeoutMs: 300, connectTimeoutMs: 300 };
  const db = await group.connect({ limits });
  await db.execute(createLog);
  await group.requireAcks(1);
  const [replica] = group.replicas;
  await replica?.stop('SIGKILL');
  const insert = "INSERT INTO log (entry) VALUES ('perhaps')";
  await assert.rejects(db.execute(insert, [], { timeoutMs: 1_500 }), { code: 'COMMIT_IN_DOUBT' });
  const unkeyed = await group.connect({ limits, idempotent: false });
  const startMs = Date.now();
  await assert.rejects(unkeyed.execute(insert, [], { timeoutMs: 60_000 }), { code: 'COMMIT_IN_DOUBT' });
  assert.ok(Date.now() - startMs < 30_000, 'it was not sent again');
});

test('operations wait for a free stream, and not longer than their time', async (t) => {
  const group = await HandmadeGroup.start(t);
  const db = await group.connect({ limits: { maxStreams: 1 } });
  await db.execute(createLog);
  const all = Array.from({ length: 50 }, (_, i) => db.execute('INSERT INTO log (entry) VALUES (?)', [`entry ${i}`]));
  assert.equal(new Set((await Promise.all(all)).map(({ position }) => position)).size, 50);
  const held = Promise.withResolvers<void>();
  const transaction = db.transaction(async (tx) => {
    await tx.query('SELECT 1');
    await assert.rejects(db.query('SELECT 1', [], { timeoutMs: 300 }), { code: 'OVERLOADED' });
    held.resolve();
  });
  await Promise.all([held.promise, transaction]);
  assert.deepEqual(await db.query('SELECT count(*) AS n FROM log'), [{ n: 50 }]);
});

test('an interactive transaction fails cleanly when its primary dies', async (t) => {
  const group = await HandmadeGroup.start(t, []);
  const db = await group.connect();
  await db.execute(createLog);
  const [replica] = group.replicas;
  assert.ok(replica !== undefined);
  await group.caughtUp(replica);
  const transaction = db.transaction(async (tx) => {
    await tx.execute("INSERT INTO log (entry) VALUES ('half')");
    await group.primary.stop('SIGKILL');
    await tx.execute("INSERT INTO log (entry) VALUES ('whole')");
  });
  await assert.rejects(
    transaction,
    (error) => isQuorateError(error) && error.code === 'UNAVAILABLE' && error.retryable,
  );
  await group.promote(replica);
  const value = await db.transaction(async (tx) => {
    await tx.execute("INSERT INTO log (entry) VALUES ('again')");
    const [row] = await tx.query<{ n: number }>('SELECT count(*) AS n FROM log');
    return row?.n;
  });
  assert.equal(value, 1);
  assert.deepEqual(await db.query('SELECT entry FROM log'), [{ entry: 'again' }]);
});

test('a primary that was killed comes back as one of a lower term, and nobody writes there', async (t) => {
  const group = await HandmadeGroup.start(t, []);
  const [replica] = group.replicas;
  assert.ok(replica !== undefined);
  const db = await group.connect({}, [group.primary, replica]);
  await db.execute(createLog);
  await group.caughtUp(replica);
  await group.promote(replica);
  await until('the new primary is known', () => db.topology.primary === replica.ready.nodeId);
  await db.execute("INSERT INTO log (entry) VALUES ('new')");
  assert.deepEqual(await group.primary.query('defaultdb', 'SELECT entry FROM log'), []);
  assert.deepEqual(await replica.query('defaultdb', 'SELECT entry FROM log'), [['new']]);
});
