/** What reads of each level show, on which node, with real servers. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { update } from '../replica-commands.ts';
import { adminPassword, type ServerProcess } from '../server-process.ts';
import { until } from '../until.ts';
import { createLog, HandmadeGroup } from './group.ts';

const count = 'SELECT count(*) AS n FROM log';

/** Shows what it receives only after a long while. */
async function delay(replica: ServerProcess): Promise<void> {
  await (await replica.client()).updateDatabase(update({ replicationDelayMs: 600_000 }));
  await replica.until('defaultdb', ({ replicator }) => replicator?.state === 'streaming');
}

/** A client to which a replica is nearer than the primary, until it has failed. */
async function preferReplica(group: HandmadeGroup, consistency: 'any' | 'session' = 'any') {
  const db = await group.connect({ readPreference: 'round-robin', consistency }, [group.primary, ...group.replicas]);
  await until('all nodes are asked', () => db.status().nodes.every(({ nodeId }) => nodeId !== undefined));
  return db;
}

test('a replica that is further behind than a read allows refuses it, and the next node is tried', async (t) => {
  const group = await HandmadeGroup.start(t, []);
  const [replica] = group.replicas;
  assert.ok(replica !== undefined);
  const db = await preferReplica(group);
  await db.execute(createLog);
  await group.caughtUp(replica);
  await delay(replica);
  await db.execute("INSERT INTO log (entry) VALUES ('new')");
  await replica.until('defaultdb', ({ replicator }) => (replicator?.lagTransactions ?? 0) > 0);
  const seen = new Set<number>();
  for (let i = 0; i < 8; i += 1) {
    const [row] = await db.query<{ n: number }>(count);
    seen.add(row?.n ?? -1);
    for (const consistency of [{ maxLagMs: 100 }, { maxLagTransactions: 0 }, 'linearizable'] as const) {
      assert.deepEqual(await db.query(count, [], { consistency }), [{ n: 1 }]);
    }
    assert.deepEqual(await db.query(count, [], { consistency: 'session' }), [{ n: 1 }]);
    assert.notEqual(await db.query(count, [], { consistency: { maxLagTransactions: 1_000 } }), []);
  }
  assert.deepEqual([...seen].sort(), [0, 1], 'both nodes have answered reads of any age');
  assert.ok(db.status().failedAttempts > 0, 'the replica has refused');
  const alone = await group.connect({ readPreference: 'round-robin' }, [replica]);
  await group.primary.stop('SIGKILL');
  await assert.rejects(alone.query(count, [], { consistency: { maxLagMs: 100 }, timeoutMs: 2_000 }), (error) => {
    assert.match(String(error), /TOO_STALE|cannot be reached|given up/);
    return true;
  });
  assert.deepEqual(await alone.query(count, [], { consistency: 'any' }), [{ n: 0 }]);
  await assert.rejects(alone.query(count, [], { consistency: 'linearizable', timeoutMs: 500 }), {
    code: 'UNAVAILABLE',
  });
});

test('a session token of one process makes another one wait for its writes', async (t) => {
  const group = await HandmadeGroup.start(t, [], []);
  const db = await preferReplica(group, 'session');
  await db.execute(createLog);
  const session = db.session();
  const program = `
    import { connect } from 'quorate/client';
    const [urls, password, token] = process.argv.slice(1);
    const db = await connect({ nodes: urls.split(','), database: 'defaultdb', user: 'admin', password });
    const session = db.session(token);
    const [row] = await session.query('${count}');
    console.log(JSON.stringify({ ...row, token: session.token() }));
    await db.close();`;
  const urls = [...group.replicas].map(({ httpUrl }) => httpUrl).join(',');
  const read = async (token: string | undefined) => {
    const args = [
      '--conditions=quorate-source',
      '--input-type=module',
      '-e',
      program,
      urls,
      adminPassword,
      token ?? '',
    ];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    return JSON.parse(stdout) as { n: number; token: string };
  };
  for (let i = 1; i <= 3; i += 1) {
    await session.execute('INSERT INTO log (entry) VALUES (?)', [`entry ${i}`]);
    const { n, token } = await read(session.token());
    assert.equal(n, i);
    assert.equal(token >= (session.token() ?? ''), true);
  }
});

test('reads of a session never go back, whichever node answers', async (t) => {
  const group = await HandmadeGroup.start(t, [], []);
  const db = await preferReplica(group, 'session');
  await db.execute(createLog);
  let isWriting = true;
  const writing = (async () => {
    for (let i = 0; i < 300; i += 1) {
      await db.execute('INSERT INTO log (entry) VALUES (?)', [`entry ${i}`]);
    }
    isWriting = false;
  })();
  const readers = Array.from({ length: 4 }, async () => {
    const session = db.session();
    for (let last = -1; isWriting; ) {
      const [row] = await session.query<{ n: number }>(count);
      assert.ok((row?.n ?? -1) >= last, `${row?.n} after ${last}`);
      last = row?.n ?? -1;
    }
  });
  await Promise.all([writing, ...readers]);
});

test('a linearizable read sees every write that was answered before it', async (t) => {
  const group = await HandmadeGroup.start(t, [], []);
  const [replica] = group.replicas;
  assert.ok(replica !== undefined);
  await delay(replica);
  const db = await preferReplica(group);
  const other = await preferReplica(group);
  await db.execute(createLog);
  for (let i = 1; i <= 30; i += 1) {
    await db.execute('INSERT INTO log (entry) VALUES (?)', [`entry ${i}`]);
    assert.deepEqual(await other.query(count, [], { consistency: 'linearizable' }), [{ n: i }]);
  }
});

test('a replica never answers a linearizable read, and a former primary does not either', async (t) => {
  const group = await HandmadeGroup.start(t, []);
  const [replica] = group.replicas;
  assert.ok(replica !== undefined);
  const { token } = await (await replica.client()).login('admin', adminPassword);
  const quorate = { consistency: { level: 'linearizable' } };
  const read = async ({ httpUrl }: ServerProcess, bearer: string) => {
    const body = JSON.stringify({
      requests: [{ type: 'execute', stmt: { sql: 'SELECT 1', quorate } }, { type: 'close' }],
    });
    const headers = { authorization: `Bearer ${bearer}` };
    const answer = await fetch(`${httpUrl}/defaultdb/v3/pipeline`, { method: 'POST', headers, body });
    const { results } = (await answer.json()) as { results: { type: string; error?: { code: string } }[] };
    return results[0]?.error?.code ?? results[0]?.type;
  };
  assert.equal(await read(replica, token), 'WRONG_ROLE');
  const own = (await (await group.primary.client()).login('admin', adminPassword)).token;
  assert.equal(await read(group.primary, own), 'ok');
});
