import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient, type LibsqlError } from '@libsql/client';
import { HranaServer, loginToken, transports } from '../hrana-server.ts';
import { follow, ServerFixture, type ServerProcess } from '../server-process.ts';
import { execute, RawHttp } from './raw-client.ts';

const close = { type: 'close' };

const servers = new ServerFixture({ after });
let primary: ServerProcess;
let hrana: HranaServer;
let http: RawHttp;

before(async () => {
  primary = await servers.start('primary');
  const created = await primary.execute('defaultdb', 'CREATE TABLE t (a UNIQUE)', 'INSERT INTO t VALUES (1)');
  const replica = await servers.start('replica', ...follow(primary), '--transaction-idle-timeout=5s');
  hrana = new HranaServer(replica, await loginToken(replica));
  http = new RawHttp(hrana);
  await replica.until('defaultdb', ({ appliedTxId }) => appliedTxId >= created);
});

async function forwardWrites(on: boolean): Promise<void> {
  const admin = await hrana.server.client();
  await admin.updateDatabase({ database: 'defaultdb', replicationForwardWrites: on });
}

function code(requests: readonly { readonly error?: { readonly code: string } }[]): readonly (string | undefined)[] {
  return requests.map(({ error }) => error?.code);
}

test('a replica reads by itself, also in transactions, and refuses to write with the address of its primary', async () => {
  const { results } = await http.pipeline([
    execute('SELECT a FROM t'),
    execute('BEGIN'),
    execute('SELECT a FROM t'),
    execute('INSERT INTO t VALUES (2)'),
    execute('COMMIT'),
    execute('INSERT INTO t VALUES (2)'),
    execute('BEGIN IMMEDIATE'),
    close,
  ]);
  const refused = 'READ_ONLY_REPLICA';
  const none = undefined;
  assert.deepEqual(code(results), [none, none, none, 'READ_ONLY_QUERY', none, refused, refused, none]);
  assert.match(results[5].error.message, new RegExp(`127\\.0\\.0\\.1:${primary.port}/defaultdb`));
});

test('a transaction on a replica sees one moment, whatever arrives meanwhile', async () => {
  const count = execute('SELECT count(*) FROM t');
  const one = await http.pipeline([execute('BEGIN'), count]);
  const txId = await primary.execute('defaultdb', 'INSERT INTO t VALUES (100)');
  await hrana.server.until('defaultdb', ({ appliedTxId }) => appliedTxId >= txId);
  const two = await http.pipeline([count, execute('COMMIT'), count, close], one.baton);
  const counted = [one.results[1], two.results[0], two.results[2]].map(
    (entry) => entry.response.result.rows[0][0].value,
  );
  assert.deepEqual(counted, ['1', '1', '2']);
});

test('a read that names a position waits until the replica shows it', async () => {
  const txId = await primary.execute('defaultdb', 'INSERT INTO t VALUES (200)');
  const stmt = { sql: 'SELECT a FROM t WHERE a = 200', replication_index: String(txId) };
  const { results } = await http.pipeline([{ type: 'execute', stmt }, close]);
  assert.equal(results[0].response.result.rows.length, 1);
});

for (const transport of transports) {
  test(`over ${transport}, a replica that forwards writes shows them to whoever wrote them`, async () => {
    await forwardWrites(true);
    const client = createClient({ url: hrana.url(transport), authToken: hrana.token, intMode: 'bigint' });
    const base = transport === 'http' ? 1_000n : 2_000n;
    const count = async () =>
      (await client.execute({ sql: 'SELECT count(*) FROM t WHERE a > ? AND a < ? + 100', args: [base, base] }))
        .rows[0]?.[0];
    const inserted = await client.execute({ sql: 'INSERT INTO t VALUES (?) RETURNING a', args: [base + 1n] });
    assert.equal(inserted.rows[0]?.[0], base + 1n);
    assert.equal(await count(), 1n);
    await client.batch([{ sql: 'INSERT INTO t VALUES (?)', args: [base + 2n] }], 'write');
    assert.equal(await count(), 2n);
    const tx = await client.transaction('write');
    await tx.execute({ sql: 'INSERT INTO t VALUES (?)', args: [base + 3n] });
    assert.equal((await tx.execute({ sql: 'SELECT a FROM t WHERE a = ?', args: [base + 3n] })).rows.length, 1);
    assert.equal(await count(), 2n);
    await tx.commit();
    assert.equal(await count(), 3n);
    const undone = await client.transaction('write');
    await undone.execute({ sql: 'INSERT INTO t VALUES (?)', args: [base + 4n] });
    await undone.rollback();
    await assert.rejects(
      client.execute({ sql: 'INSERT INTO t VALUES (?)', args: [base + 1n] }),
      (error: LibsqlError) => {
        assert.deepEqual(
          [error.code, error.message],
          ['SQLITE_CONSTRAINT', 'SQLITE_CONSTRAINT: UNIQUE constraint failed: t.a'],
        );
        return true;
      },
    );
    assert.equal(await count(), 3n);
    client.close();
    await forwardWrites(false);
    const { results } = await http.pipeline([execute('INSERT INTO t VALUES (3)'), close]);
    assert.equal(results[0].error.code, 'READ_ONLY_REPLICA');
  });
}

test('a float stays a float on its way to the primary', async () => {
  await forwardWrites(true);
  await http.execute('CREATE TABLE kinds (a)');
  await http.execute('INSERT INTO kinds VALUES (?)', [{ type: 'float', value: 1 }]);
  const { rows } = await http.execute('SELECT typeof(a) FROM kinds');
  assert.equal(rows[0][0].value, 'real');
});

test('a transaction on the primary ends when the replica that forwards it is gone', async () => {
  await forwardWrites(true);
  await http.pipeline([execute('BEGIN IMMEDIATE'), execute('INSERT INTO t VALUES (300)')]);
  await hrana.server.stop('SIGKILL');
  await primary.execute('defaultdb', 'INSERT INTO t VALUES (301)');
  assert.deepEqual(await primary.query('defaultdb', 'SELECT a FROM t WHERE a IN (300, 301)'), [[301n]]);
});
