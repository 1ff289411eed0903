import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createNodeRuntime } from '../../runtime/interface.ts';
import { PrimaryConnection } from '../../sqlite/interface.ts';
import { ReaderPool, type ReaderPoolOptions } from './reader-pool.ts';

const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT';
const withoutRows = { sql: `${endless} count(*) FROM n` };
const withRows = { sql: `${endless} i FROM n` };
const defaults = { timeoutMs: 10_000, maxBytes: 1_000_000 };

function createFile(directory: string, name: string, content: string): string {
  const file = path.join(directory, name);
  const connection = PrimaryConnection.open(file);
  connection.begin();
  connection.beginClient();
  connection.run({ sql: 'CREATE TABLE t (v TEXT)' });
  connection.run({ sql: 'INSERT INTO t VALUES (?)', parameters: [content] });
  connection.endClient();
  connection.writePosition({ txId: 7, term: 1, hash: new Uint8Array(32) });
  connection.commit();
  connection.close();
  return file;
}

function setUp(t: TestContext, options: Partial<ReaderPoolOptions> = {}) {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'quorate-readers-'));
  const pool = new ReaderPool({
    runtime: createNodeRuntime(),
    maxProcesses: 2,
    idleTimeoutMs: 60_000,
    queueLimit: 1_000,
    ...options,
  });
  t.after(async () => {
    await pool[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });
  const file = createFile(directory, 'a.sqlite', 'hello');
  const value = async (from = file) =>
    (await pool.query(from, [{ sql: 'SELECT v FROM t' }], defaults)).results[0]?.rows;
  return { directory, pool, file, value };
}

/** Process ids of the reader processes of this test process. */
function readerProcesses(): number[] {
  const listing = execFileSync('ps', ['-eo', 'pid,ppid,args'], { encoding: 'utf8' });
  return listing
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, ...args]) => Number(parent) === process.pid && args.join(' ').includes('reader-main'))
    .map(([pid]) => Number(pid));
}

async function until(condition: () => boolean, timeoutMs = 10_000): Promise<void> {
  for (const end = Date.now() + timeoutMs; !condition(); await sleep(10)) {
    assert.ok(Date.now() < end, 'the condition was not met in time');
  }
}

test('a query that never ends is stopped at its time limit and the next one is answered', async (t) => {
  const { pool, file, value } = setUp(t, { maxProcesses: 1 });
  await value();
  const runaway = pool.query(file, [withoutRows], { ...defaults, timeoutMs: 100 });
  await assert.rejects(runaway, { code: 'QUERY_TIMEOUT', hint: /query-timeout/ });
  assert.deepEqual(await value(), [['hello']]);
  assert.equal(pool.status().timeouts, 1);
});

test('several statements and the position are of one snapshot', async (t) => {
  const { pool, file } = setUp(t);
  const count = { sql: 'SELECT count(*) FROM t WHERE v = ?', parameters: ['hello'] };
  const { results, appliedTxId } = await pool.query(file, [count, count], { ...defaults, bigint: true });
  assert.deepEqual(
    results.map(({ rows }) => rows),
    [[[1n]], [[1n]]],
  );
  assert.equal(appliedTxId, 7);
});

test('what would write is refused, so that the caller can send it to the writer', async (t) => {
  const { pool, file } = setUp(t);
  const write = { sql: "WITH x AS (SELECT 1) INSERT INTO t SELECT 'x' FROM x" };
  await assert.rejects(pool.query(file, [write], defaults), { code: 'READ_ONLY_QUERY' });
});

test('an endless result is stopped at the limit on its bytes', async (t) => {
  const { pool, file } = setUp(t);
  await assert.rejects(pool.query(file, [withRows], defaults), { code: 'RESULT_TOO_LARGE' });
});

test('queries that waited behind a runaway are all answered', async (t) => {
  const { pool, file, value } = setUp(t, { maxProcesses: 1 });
  await value();
  const runaway = assert.rejects(pool.query(file, [withoutRows], { ...defaults, timeoutMs: 200 }));
  const answers = await Promise.all(Array.from({ length: 50 }, () => value()));
  assert.ok(answers.every((rows) => rows?.[0]?.[0] === 'hello'));
  await runaway;
});

test('hundreds of good queries are answered while runaways are killed one after the other', async (t) => {
  const { pool, file, value } = setUp(t);
  const runaway = () => pool.query(file, [withoutRows], { ...defaults, timeoutMs: 150 });
  const bad = Promise.allSettled(Array.from({ length: 4 }, runaway));
  const good = Array.from({ length: 300 }, () => value());
  assert.ok((await Promise.all(good)).every((rows) => rows?.[0]?.[0] === 'hello'));
  assert.ok((await bad).every(({ status }) => status === 'rejected'));
  assert.ok(pool.status().processes <= 2);
});

test('a query whose reader is killed from outside is answered by another one', async (t) => {
  const { pool, file, value } = setUp(t, { maxProcesses: 1 });
  await value();
  const slow = `${endless} count(*) FROM (SELECT i FROM n LIMIT 3000000)`;
  const answer = pool.query(file, [{ sql: slow }], defaults);
  process.kill(readerProcesses()[0] as number, 'SIGKILL');
  assert.deepEqual((await answer).results[0]?.rows, [[3_000_000]]);
  assert.equal(pool.status().crashes, 1);
});

test('an aborted query is rejected at once and its reader does not go on with it', async (t) => {
  const { pool, file, value } = setUp(t, { maxProcesses: 1 });
  await value();
  const abort = new AbortController();
  const answer = pool.query(file, [withoutRows], { ...defaults, signal: abort.signal });
  abort.abort();
  await assert.rejects(answer, { code: 'CANCELLED' });
  assert.deepEqual(await value(), [['hello']]);
});

test('a full queue refuses instead of growing', async (t) => {
  const { pool, file } = setUp(t, { maxProcesses: 1, queueLimit: 2 });
  const queries = Array.from({ length: 3 }, () => pool.query(file, [{ sql: 'SELECT 1' }], defaults));
  const outcomes = await Promise.allSettled(queries);
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'fulfilled', 'rejected']);
});

test('a released file is read anew, so that a database made again under its name is the new one', async (t) => {
  const { pool, directory, file, value } = setUp(t, { maxProcesses: 1 });
  assert.deepEqual(await value(), [['hello']]);
  pool.release(file);
  for (const suffix of ['', '-wal', '-shm']) {
    rmSync(file + suffix, { force: true });
  }
  createFile(directory, 'a.sqlite', 'new');
  assert.deepEqual(await value(), [['new']]);
});

test('more files than a reader keeps open are all readable', async (t) => {
  const { directory, value } = setUp(t, { maxProcesses: 1 });
  const files = Array.from({ length: 40 }, (_, index) => createFile(directory, `${index}.sqlite`, `content ${index}`));
  for (const [index, file] of [...files.entries(), ...files.entries()]) {
    assert.deepEqual(await value(file), [[`content ${index}`]]);
  }
});

test('idle processes end, and none is left after the pool is closed', async (t) => {
  const { pool, file, value } = setUp(t, { idleTimeoutMs: 50 });
  await Promise.all(Array.from({ length: 20 }, () => value()));
  await until(() => pool.status().processes === 0);
  const running = pool.query(file, [withoutRows], defaults);
  await until(() => readerProcesses().length > 0);
  await Promise.all([assert.rejects(running, { code: 'CANCELLED' }), pool[Symbol.asyncDispose]()]);
  assert.deepEqual(readerProcesses(), []);
});

test('a reader inside an endless query ends when its node is killed', async (t) => {
  const { directory, file } = setUp(t);
  const script = `
    const { ReaderPool } = await import(${JSON.stringify(new URL('./reader-pool.ts', import.meta.url).href)});
    const { createNodeRuntime } = await import(${JSON.stringify(new URL('../../runtime/interface.ts', import.meta.url).href)});
    const pool = new ReaderPool({ runtime: createNodeRuntime(), maxProcesses: 1, idleTimeoutMs: 60000, queueLimit: 10 });
    const options = { timeoutMs: 60000, maxBytes: 1000 };
    await pool.query(${JSON.stringify(file)}, [{ sql: 'SELECT 1' }], options);
    pool.query(${JSON.stringify(file)}, [{ sql: ${JSON.stringify(withoutRows.sql)} }], options);
    process.stdout.write('running');`;
  const node = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve, reject) => {
    node.stdout.once('data', resolve);
    node.once('exit', () => reject(new Error('the node ended before its query ran')));
  });
  const children = () =>
    execFileSync('ps', ['-eo', 'pid,ppid'], { encoding: 'utf8' })
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number));
  const [reader] = children().find(([, parent]) => parent === node.pid) ?? [];
  assert.ok(reader !== undefined);
  node.kill('SIGKILL');
  await until(() => children().every(([pid]) => pid !== reader), 5_000);
});

test('a query that turns slow among others of its kind keeps nobody waiting', async (t) => {
  const { pool, file } = setUp(t);
  const counted = (limit: bigint, timeoutMs = 20_000) => {
    const sql = `${endless} count(*) FROM (SELECT i FROM n LIMIT ?)`;
    return pool.query(file, [{ sql, parameters: [limit] }], { ...defaults, timeoutMs });
  };
  await Promise.all([counted(1n), counted(1n)]);
  let runawayEnded = false;
  const first = Array.from({ length: 10 }, () => counted(1n));
  const runaway = counted(10n ** 15n, 4_000).finally(() => {
    runawayEnded = true;
  });
  const refused = assert.rejects(runaway, { code: 'QUERY_TIMEOUT' });
  const last = Array.from({ length: 10 }, () => counted(1n));
  await Promise.all([...first, ...last]);
  assert.equal(runawayEnded, false);
  await refused;
});
