import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Quorate, QuorateDatabase } from './interface.ts';
import { blockUntil, temporaryNode } from './testing/temporary-node.ts';

let own: Awaited<ReturnType<typeof temporaryNode>>;
let node: Quorate;
let db: QuorateDatabase;

before(async () => {
  own = await temporaryNode({ limits: { transactionIdleTimeoutMs: 300, queryTimeoutMs: 5_000 } });
  node = own.node;
  db = await node.createDatabase('main');
  await db.executeScript(`
    CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE, amount INTEGER);
    CREATE TABLE value (v);
  `);
});
after(() => own[Symbol.asyncDispose]());

const count = () => db.queryOne<{ c: number }>('SELECT count(*) AS c FROM item')?.c;
const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)';

test('a write is visible to the next read and tells what it did', async () => {
  const first = await db.execute('INSERT INTO item (name, amount) VALUES (?, ?) RETURNING id, name', ['bolt', 3]);
  assert.deepEqual({ ...first.rows[0] }, { id: 1, name: 'bolt' });
  assert.equal(first.lastInsertRowid, 1n);
  const update = await db.execute('UPDATE item SET amount = amount + 1 WHERE name = :name', { name: 'bolt' });
  assert.deepEqual([update.changes, update.rows], [1, []]);
  assert.equal(db.queryOne('SELECT amount FROM item WHERE id = ?', [1])?.['amount'], 4);
  assert.equal(db.position(), update.position);
  assert.equal(db.queryOne('SELECT 1 FROM item WHERE id = -1'), undefined);
});

test('values come back bit for bit, integers as asked for', async () => {
  const values = [null, 2n ** 62n, -1.5, -0, 'a\0ü😀', '', new Uint8Array([0, 255]), new Uint8Array(0)];
  const { rows } = await db.execute<{ v: unknown }>(
    `INSERT INTO value VALUES ${values.map(() => '(?)').join(', ')} RETURNING v`,
    values,
    { bigint: true },
  );
  const read = db.query<{ v: unknown }>('SELECT v FROM value ORDER BY rowid', [], { bigint: true });
  for (const result of [rows, read]) {
    assert.deepEqual(
      result.map(({ v }) => (v instanceof Uint8Array ? new Uint8Array(v) : v)),
      values,
    );
  }
  assert.throws(() => db.query('SELECT v FROM value'), { code: 'INTEGER_OUT_OF_RANGE' });
  const limited = db.query<{ v: bigint }>('SELECT v FROM value WHERE rowid = 2', [], {
    bigint: true,
    timeoutMs: 1_000,
  });
  assert.equal(limited[0]?.v, 2n ** 62n);
});

test('a parameter is written as it was when the call was made', async () => {
  await db.execute('CREATE TABLE reused (a, b)');
  const bytes = Buffer.from('first');
  const parameters: (string | Uint8Array)[] = ['first', bytes];
  const named = { a: 'named', b: bytes };
  const writes = [
    db.execute('INSERT INTO reused VALUES (?, ?)', parameters),
    db.execute('INSERT INTO reused VALUES (:a, :b)', named),
  ];
  parameters[0] = 'later';
  named.a = 'later';
  bytes.write('later');
  await Promise.all(writes);
  const rows = db.query<{ a: string; b: Uint8Array }>('SELECT a, b FROM reused ORDER BY a');
  assert.deepEqual(
    rows.map(({ a, b }) => [a, Buffer.from(b).toString()]),
    [
      ['first', 'first'],
      ['named', 'first'],
    ],
  );
});

test('a parameter of a type that SQLite does not have is refused, wherever it would run', async () => {
  for (const value of [undefined, true, new Date(0), {}, () => {}, Symbol('s'), 2n ** 64n] as unknown as number[]) {
    const refused = { code: 'INVALID_ARGUMENT' };
    await assert.rejects(db.execute('SELECT ?', [value]), refused, String(value));
    await assert.rejects(db.batch([{ sql: 'SELECT :a', parameters: { a: value } }]), refused);
    await assert.rejects(db.queryAsync('SELECT ?', [value]), refused);
    await assert.rejects(
      db.transaction((tx) => tx.query('SELECT ?', [value])),
      refused,
    );
    assert.throws(() => db.query('SELECT ?', [value]), refused);
  }
});

test('a transaction that throws leaves no trace, and the caller gets what was thrown', async () => {
  const before = count();
  const thrown = new Error('changed my mind');
  const attempt = db.transaction(async (tx) => {
    await tx.execute("INSERT INTO item (name) VALUES ('never')");
    throw thrown;
  });
  await assert.rejects(attempt, (error) => error === thrown);
  assert.equal(count(), before);
});

test('a transaction reads its own writes, and nobody else does before it is committed', async () => {
  const before = count() ?? 0;
  const seen = await db.transaction(async (tx) => {
    await tx.execute("INSERT INTO item (name) VALUES ('nut')");
    assert.equal(count(), before);
    return (await tx.queryOne<{ c: bigint }>('SELECT count(*) AS c FROM item', [], { bigint: true }))?.c;
  });
  assert.equal(seen, BigInt(before + 1));
  assert.equal(count(), before + 1);
});

test('a failed statement of a transaction can be caught and the rest is committed', async () => {
  await db.transaction(async (tx) => {
    await tx.execute("INSERT INTO item (name) VALUES ('washer')");
    await assert.rejects(tx.execute("INSERT INTO item (name) VALUES ('rivet'), ('washer')"), {
      code: 'CONSTRAINT_VIOLATION',
    });
  });
  const names = db.query<{ name: string }>("SELECT name FROM item WHERE name IN ('washer', 'rivet')");
  assert.deepEqual(
    names.map(({ name }) => name),
    ['washer'],
  );
});

test('a write of its own inside a transaction is refused instead of waiting for that transaction for ever', async () => {
  await db.transaction(async () => {
    await assert.rejects(db.execute("INSERT INTO item (name) VALUES ('inner')"), { code: 'INVALID_ARGUMENT' });
    await assert.rejects(
      db.transaction(() => Promise.resolve()),
      { code: 'INVALID_ARGUMENT' },
    );
  });
  await db.execute("INSERT INTO item (name) VALUES ('outer')");
});

test('what a transaction has started may write when the transaction is over', async () => {
  const over = Promise.withResolvers<void>();
  let later: Promise<unknown> | undefined;
  await db.transaction(async (tx) => {
    later = over.promise.then(() => db.execute("INSERT INTO item (name) VALUES ('later')"));
    await tx.query('SELECT 1');
  });
  over.resolve();
  await later;
});

test('a schema that changes is seen by statements that were prepared before', async () => {
  await db.execute('CREATE TABLE grows (a)');
  await db.execute('INSERT INTO grows VALUES (1)');
  assert.deepEqual({ ...db.queryOne('SELECT * FROM grows') }, { a: 1 });
  await db.execute('ALTER TABLE grows ADD COLUMN b DEFAULT 2');
  assert.deepEqual({ ...db.queryOne('SELECT * FROM grows') }, { a: 1, b: 2 });
  assert.deepEqual(
    db.query('SELECT * FROM grows').map((row) => ({ ...row })),
    [{ a: 1, b: 2 }],
  );
  const { results } = await db.batch(['SELECT * FROM grows', 'ALTER TABLE grows DROP COLUMN a', 'SELECT * FROM grows']);
  assert.deepEqual(
    results.map(({ rows }) => ({ ...rows[0] })),
    [{ a: 1, b: 2 }, {}, { b: 2 }],
  );
});

test('a transaction that was forgotten about gives the writer back, and learns that it was too slow', async () => {
  const stalled = Promise.withResolvers<void>();
  const slow = db.transaction(async (tx) => {
    await tx.execute("INSERT INTO item (name) VALUES ('slow')");
    await stalled.promise;
  });
  // Waits its turn behind the stalled transaction.
  await db.execute("INSERT INTO item (name) VALUES ('next')");
  stalled.resolve();
  await assert.rejects(slow, { code: 'TRANSACTION_TIMEOUT' });
  assert.equal(db.query("SELECT 1 FROM item WHERE name = 'slow'").length, 0);
});

test('a batch is one transaction: all of it or nothing', async () => {
  const before = count() ?? 0;
  const failing = [
    "INSERT INTO item (name) VALUES ('b1')",
    { sql: 'INSERT INTO item (name) VALUES (?)', parameters: ['b1'] },
  ];
  await assert.rejects(db.batch(failing), { code: 'CONSTRAINT_VIOLATION' });
  assert.equal(count(), before);
  const { results, position } = await db.batch(["INSERT INTO item (name) VALUES ('b2')", 'SELECT 7 AS seven']);
  assert.deepEqual(
    results.map(({ changes, rows }) => [changes, rows.length]),
    [
      [1, 0],
      [0, 1],
    ],
  );
  assert.equal(db.position(), position);
});

test('the reads of a snapshot tell of one moment although the writer goes on meanwhile', async () => {
  const before = db.position();
  const write = db.execute("INSERT INTO item (name) VALUES ('meanwhile')");
  // The write leaves with the next microtask.
  await Promise.resolve();
  const [first, second] = db.snapshot((snapshot) => {
    const earlier = snapshot.queryOne('SELECT max(id) AS id FROM item')?.['id'];
    blockUntil(() => db.position() !== before);
    return [earlier, db.snapshot((same) => same.queryOne('SELECT max(id) AS id FROM item')?.['id'])];
  });
  assert.equal(first, second);
  assert.equal(db.queryOne('SELECT max(id) AS id FROM item')?.['id'], Number((await write).lastInsertRowid));
});

test('a snapshot that is not synchronous is refused, and the next one works', () => {
  assert.throws(() => db.snapshot(() => Promise.reject(new Error('unseen'))), { code: 'INVALID_ARGUMENT' });
  assert.equal(
    db.snapshot(() => 1),
    1,
  );
});

test('a read that produces rows for too long is stopped between two of them', () => {
  assert.throws(() => db.query(`${endless} SELECT i FROM n`, [], { timeoutMs: 30 }), { code: 'QUERY_TIMEOUT' });
  assert.equal(db.queryOne<{ i: number }>(`${endless} SELECT i FROM n`, [], { timeoutMs: 1_000 })?.i, 1);
});

test('a read in another process is stopped whatever it does', async () => {
  await assert.rejects(db.queryAsync(`${endless} SELECT max(i) FROM n`, [], { timeoutMs: 200 }), {
    code: 'QUERY_TIMEOUT',
  });
  const rows = await db.queryAsync<{ v: bigint }>('SELECT 2 AS v', [], { bigint: true });
  assert.equal(rows[0]?.v, 2n);
});

test('a read that would write is refused', async () => {
  for (const sql of [
    'DELETE FROM item',
    'WITH x AS (SELECT 1) INSERT INTO item (id) SELECT * FROM x',
    'PRAGMA user_version = 3',
  ]) {
    assert.throws(() => db.query(sql), { code: 'READ_ONLY_QUERY' }, sql);
    await assert.rejects(db.queryAsync(sql), { code: 'READ_ONLY_QUERY' }, sql);
  }
});

test('waiting for a position ends when it is reached, when time is up and when nobody wants it any more', async () => {
  const { position } = await db.execute("INSERT INTO item (name) VALUES ('w1')");
  await db.waitFor(position, { timeoutMs: 0 });

  const next = `q1-1-${(Number.parseInt(position.split('-')[2] ?? '', 36) + 1).toString(36)}`;
  await assert.rejects(db.waitFor(next, { timeoutMs: 20 }), { code: 'WAIT_TIMEOUT', retryable: true });
  await assert.rejects(db.waitFor(next, { signal: AbortSignal.abort() }), { code: 'CANCELLED' });
  const abort = new AbortController();
  const aborted = db.waitFor(next, { signal: abort.signal });
  abort.abort();
  await assert.rejects(aborted, { code: 'CANCELLED' });

  const reached = db.waitFor(next);
  await db.execute("INSERT INTO item (name) VALUES ('w2')");
  await reached;
  await assert.rejects(db.waitFor('nonsense'), { code: 'INVALID_ARGUMENT' });
});

test('of a thousand writes at once none is lost', async () => {
  await db.execute('CREATE TABLE many (id INTEGER PRIMARY KEY)');
  await Promise.all(Array.from({ length: 1_000 }, (_, id) => db.execute('INSERT INTO many VALUES (?)', [id])));
  assert.equal(db.queryOne('SELECT count(*) AS c FROM many')?.['c'], 1_000);
});

test('databases are made once, listed, and gone with their handles when they are deleted', async () => {
  const other = await node.createDatabase('other');
  await assert.rejects(node.createDatabase('other'), { code: 'DATABASE_EXISTS' });
  const [again, once] = await Promise.all([node.openOrCreate('fresh'), node.openOrCreate('fresh')]);
  await again.execute('CREATE TABLE t (x)');
  assert.deepEqual(once.query('SELECT * FROM t'), []);
  const names = (await node.status()).map(({ name, state }) => `${name} ${state}`);
  assert.deepEqual(names, ['defaultdb open', 'fresh open', 'main open', 'other open', 'systemdb open']);
  await node.deleteDatabase('other');
  await assert.rejects(other.execute('CREATE TABLE t (x)'));
  assert.throws(() => other.query('SELECT 1'), { code: 'DATABASE_UNLOADED' });
  await assert.rejects(node.database('other'), { code: 'DATABASE_NOT_FOUND' });
  await assert.rejects(node.createDatabase('No Name'), { code: 'INVALID_ARGUMENT' });
});

test('the users of a node are out of reach of SQL', async () => {
  await assert.rejects(node.database('systemdb'), { code: 'PERMISSION_DENIED' });
});

test('a closed handle says so, and others of the same database go on', async () => {
  const handle = await node.database('main');
  await handle[Symbol.asyncDispose]();
  await handle[Symbol.asyncDispose]();
  assert.throws(() => handle.query('SELECT 1'), { code: 'DATABASE_UNLOADED' });
  await assert.rejects(handle.execute('SELECT 1'), { code: 'DATABASE_UNLOADED' });
  await assert.rejects(handle.queryAsync('SELECT 1'), { code: 'DATABASE_UNLOADED' });
  assert.equal(db.query('SELECT 1').length, 1);
});

test('closing a handle rolls its open transaction back', async () => {
  const handle = await node.database('main');
  const begun = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const cut = handle.transaction(async (tx) => {
    await tx.execute("INSERT INTO item (name) VALUES ('cut')");
    begun.resolve();
    await closed.promise;
    await tx.execute("INSERT INTO item (name) VALUES ('late')");
  });
  await begun.promise;
  await handle[Symbol.asyncDispose]();
  closed.resolve();
  await assert.rejects(cut, { code: 'TRANSACTION_CLOSED' });
  assert.equal(db.query("SELECT 1 FROM item WHERE name IN ('cut', 'late')").length, 0);
});
