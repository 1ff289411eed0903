import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Client, createClient, type LibsqlError } from '@libsql/client';
import { startHranaServer, transports } from '../hrana-server.ts';

const hrana = await startHranaServer();
let tables = 0;

/** A table name of its own for each test. */
function tableName(): string {
  tables += 1;
  return `t${tables}`;
}

function errorCode(code: string) {
  return (error: unknown) => (error as LibsqlError).code === code;
}

for (const transport of transports) {
  const clientTest = (name: string, run: (client: Client, table: string) => Promise<void>) =>
    test(`@libsql/client over ${transport}: ${name}`, async () => {
      const client = createClient({ url: hrana.url(transport), authToken: hrana.token, intMode: 'bigint' });
      try {
        await run(client, tableName());
      } finally {
        client.close();
      }
    });

  clientTest('values of every type come back as they were sent', async (client, table) => {
    await client.execute(`CREATE TABLE ${table} (i INTEGER, r REAL, t TEXT, b BLOB, n)`);
    const blob = new Uint8Array([0, 1, 254, 255]);
    const args = [9223372036854775807n, 1.5, 'naïve \u0000 😀', blob, null];
    const inserted = await client.execute({ sql: `INSERT INTO ${table} VALUES (?, ?, ?, ?, ?)`, args });
    assert.equal(inserted.rowsAffected, 1);
    assert.equal(inserted.lastInsertRowid, 1n);
    const { rows, columns, columnTypes } = await client.execute(`SELECT * FROM ${table}`);
    assert.deepEqual(columns, ['i', 'r', 't', 'b', 'n']);
    assert.deepEqual(columnTypes, ['INTEGER', 'REAL', 'TEXT', 'BLOB', '']);
    const [i, r, t, b, n] = Array.from(rows[0] ?? []);
    assert.deepEqual([i, r, t, n], [9223372036854775807n, 1.5, 'naïve \u0000 😀', null]);
    assert.deepEqual(new Uint8Array(b as ArrayBuffer), blob);
  });

  clientTest('a number is REAL, a bigint and a boolean INTEGER', async (client) => {
    const { rows } = await client.execute({ sql: 'SELECT typeof(?), typeof(?), typeof(?)', args: [1, 1n, true] });
    assert.deepEqual(Array.from(rows[0] ?? []), ['real', 'integer', 'integer']);
  });

  clientTest('named arguments are found with and without their prefix', async (client) => {
    const sql = 'SELECT :b, @a, $c, :b, ?1';
    const { rows } = await client.execute({ sql, args: { a: 'one', ':b': 'two', $c: 'three', unused: 1 } });
    assert.deepEqual(Array.from(rows[0] ?? []), ['two', 'one', 'three', 'two', 'two']);
  });

  clientTest('errors have the codes of SQLite', async (client, table) => {
    await assert.rejects(client.execute('SELECT * FROM nowhere'), errorCode('SQLITE_ERROR'));
    await client.execute(`CREATE TABLE ${table} (a UNIQUE)`);
    await client.execute(`INSERT INTO ${table} VALUES (1)`);
    await assert.rejects(client.execute(`INSERT INTO ${table} VALUES (1)`), {
      code: 'SQLITE_CONSTRAINT',
      message: `SQLITE_CONSTRAINT: UNIQUE constraint failed: ${table}.a`,
    });
    await assert.rejects(client.execute('SELECT 1; SELECT 2'), errorCode('SQL_MANY_STATEMENTS'));
    await assert.rejects(client.execute(' -- nothing'), errorCode('SQL_NO_STATEMENT'));
    await assert.rejects(client.execute({ sql: 'SELECT ?', args: [1, 2] }), errorCode('ARGS_INVALID'));
  });

  clientTest('a batch takes effect as a whole or not at all', async (client, table) => {
    const results = await client.batch(
      [
        `CREATE TABLE ${table} (a UNIQUE)`,
        { sql: `INSERT INTO ${table} VALUES (?), (?)`, args: [1n, 2n] },
        `SELECT sum(a) FROM ${table}`,
      ],
      'write',
    );
    assert.deepEqual([results[1]?.rowsAffected, results[2]?.rows[0]?.[0]], [2, 3n]);
    const failing = client.batch(
      [`INSERT INTO ${table} VALUES (3)`, `INSERT INTO ${table} VALUES (1)`, `INSERT INTO ${table} VALUES (4)`],
      'write',
    );
    await assert.rejects(failing, { code: 'SQLITE_CONSTRAINT', statementIndex: 1 });
    const [counted] = await client.batch([`SELECT count(*) FROM ${table}`], 'read');
    assert.equal(counted?.rows[0]?.[0], 2n);
  });

  clientTest('a transaction sees its own writes, and others see them after the commit', async (client, table) => {
    await client.execute(`CREATE TABLE ${table} (a)`);
    const count = async () => (await client.execute(`SELECT count(*) FROM ${table}`)).rows[0]?.[0];
    const tx = await client.transaction('write');
    await tx.execute(`INSERT INTO ${table} VALUES (1)`);
    await tx.batch([`INSERT INTO ${table} VALUES (2)`, `INSERT INTO ${table} VALUES (3)`]);
    assert.equal((await tx.execute(`SELECT count(*) FROM ${table}`)).rows[0]?.[0], 3n);
    assert.equal(await count(), 0n);
    await tx.commit();
    assert.equal(await count(), 3n);
  });

  clientTest('a transaction that is closed or rolled back leaves no trace', async (client, table) => {
    await client.execute(`CREATE TABLE ${table} (a)`);
    const first = await client.transaction('write');
    await first.execute(`INSERT INTO ${table} VALUES (1)`);
    await first.rollback();
    const second = await client.transaction('deferred');
    await second.execute(`INSERT INTO ${table} VALUES (1)`);
    second.close();
    await client.execute(`INSERT INTO ${table} VALUES (2)`);
    const { rows } = await client.execute(`SELECT a FROM ${table}`);
    assert.deepEqual(
      rows.map((row) => row.a),
      [2n],
    );
  });

  clientTest('a read transaction sees one moment, and takes no writes', async (client, table) => {
    await client.batch([`CREATE TABLE ${table} (a)`, `INSERT INTO ${table} VALUES (1)`], 'write');
    const tx = await client.transaction('read');
    const count = async () => (await tx.execute(`SELECT count(*) FROM ${table}`)).rows[0]?.[0];
    assert.equal(await count(), 1n);
    await client.execute(`INSERT INTO ${table} VALUES (2)`);
    assert.equal(await count(), 1n);
    await assert.rejects(tx.execute(`INSERT INTO ${table} VALUES (3)`), errorCode('READ_ONLY_QUERY'));
    tx.close();
  });

  clientTest('a script runs statement by statement', async (client, table) => {
    await client.executeMultiple(`
      CREATE TABLE ${table} (a); -- a comment
      CREATE TRIGGER ${table}_t AFTER INSERT ON ${table} WHEN new.a < 10 BEGIN INSERT INTO ${table} VALUES (new.a + 10); END;
      BEGIN; INSERT INTO ${table} VALUES (1); COMMIT;
    `);
    const { rows } = await client.execute(`SELECT a FROM ${table} ORDER BY a`);
    assert.deepEqual(
      rows.map((row) => row.a),
      [1n, 11n],
    );
  });

  clientTest('a migration rebuilds a table that others refer to', async (client, table) => {
    await client.executeMultiple(`
      CREATE TABLE ${table} (id INTEGER PRIMARY KEY);
      CREATE TABLE ${table}_child (parent REFERENCES ${table} (id) ON DELETE CASCADE);
      INSERT INTO ${table} VALUES (1);
      INSERT INTO ${table}_child VALUES (1);
    `);
    await client.migrate([
      `CREATE TABLE ${table}_new (id INTEGER PRIMARY KEY, name TEXT)`,
      `INSERT INTO ${table}_new (id) SELECT id FROM ${table}`,
      `DROP TABLE ${table}`,
      `ALTER TABLE ${table}_new RENAME TO ${table}`,
    ]);
    const { rows } = await client.execute(`SELECT count(*) FROM ${table}_child JOIN ${table} ON id = parent`);
    assert.equal(rows[0]?.[0], 1n);
    await assert.rejects(client.execute(`INSERT INTO ${table}_child VALUES (7)`), errorCode('SQLITE_CONSTRAINT'));
  });

  clientTest('many writers take their turns', async (client, table) => {
    await client.execute(`CREATE TABLE ${table} (a)`);
    const writers = Array.from({ length: 100 }, async () => {
      const tx = await client.transaction('write');
      await tx.execute(`INSERT INTO ${table} SELECT coalesce(max(a), 0) + 1 FROM ${table}`);
      await tx.commit();
    });
    await Promise.all(writers);
    const { rows } = await client.execute(`SELECT count(*), max(a) FROM ${table}`);
    assert.deepEqual(Array.from(rows[0] ?? []), [100n, 100n]);
  });

  test(`@libsql/client over ${transport}: a wrong token is refused with our code`, async () => {
    const client = createClient({ url: hrana.url(transport), authToken: 'wrong' });
    await assert.rejects(client.execute('SELECT 1'), (error: LibsqlError) => {
      assert.match(`${error.code} ${error.message} ${String(error.cause)}`, /UNAUTHENTICATED/);
      return true;
    });
    client.close();
  });

  test(`@libsql/client over ${transport}: an unknown database is told`, async () => {
    const client = createClient({ url: hrana.url(transport, 'nowhere'), authToken: hrana.token });
    await assert.rejects(client.execute('SELECT 1'), errorCode('DATABASE_NOT_FOUND'));
    client.close();
  });
}
