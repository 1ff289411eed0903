import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LibsqlDialect } from '@libsql/kysely-libsql';
import { type ColumnType, type Generated, Kysely, sql } from 'kysely';
import { createDatabase, startHranaServer, transports } from '../hrana-server.ts';

const hrana = await startHranaServer();

interface Schema {
  readonly person: {
    readonly id: Generated<number>;
    readonly name: string;
    readonly born: ColumnType<number | null, number | undefined, number>;
  };
}

for (const transport of transports) {
  test(`kysely over ${transport}: schema, queries, transactions`, async (t) => {
    const database = await createDatabase(hrana, `kysely-${transport}`);
    const dialect = new LibsqlDialect({ url: hrana.url(transport, database), authToken: hrana.token });
    const db = new Kysely<Schema>({ dialect });
    t.after(() => db.destroy());
    await db.schema
      .createTable('person')
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('name', 'text', (column) => column.notNull().unique())
      .addColumn('born', 'integer')
      .execute();

    await t.test('inserts, updates and deletes tell what they did', async () => {
      const inserted = await db
        .insertInto('person')
        .values([{ name: 'Ada', born: 1815 }, { name: 'Alan' }])
        .executeTakeFirst();
      assert.deepEqual([inserted.insertId, inserted.numInsertedOrUpdatedRows], [2n, 2n]);
      const updated = await db.updateTable('person').set({ born: 1912 }).where('name', '=', 'Alan').executeTakeFirst();
      assert.equal(updated.numUpdatedRows, 1n);
      const returned = await db.deleteFrom('person').where('name', '=', 'Alan').returningAll().executeTakeFirst();
      assert.deepEqual({ ...returned }, { id: 2, name: 'Alan', born: 1912 });
    });

    await t.test('a transaction that throws leaves no trace', async () => {
      const failing = db.transaction().execute(async (trx) => {
        await trx.insertInto('person').values({ name: 'Grace' }).execute();
        const { count } = await trx
          .selectFrom('person')
          .select(sql<number>`count(*)`.as('count'))
          .executeTakeFirstOrThrow();
        assert.equal(count, 2);
        throw new Error('no');
      });
      await assert.rejects(failing, /no/);
      assert.equal((await db.selectFrom('person').selectAll().execute()).length, 1);
    });

    await t.test('a transaction is there when it has ended', async () => {
      await db.transaction().execute(async (trx) => {
        await trx.insertInto('person').values({ name: 'Barbara' }).execute();
      });
      assert.equal((await db.selectFrom('person').selectAll().execute()).length, 2);
    });

    await t.test('the schema can be read', async () => {
      const tables = await db.introspection.getTables();
      assert.deepEqual(
        tables.find(({ name }) => name === 'person')?.columns.map(({ name }) => name),
        ['id', 'name', 'born'],
      );
    });
  });
}
