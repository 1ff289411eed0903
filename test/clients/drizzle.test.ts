import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { createClient } from '@libsql/client';
import { eq, relations, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/libsql';
import { migrate } from 'drizzle-orm/libsql/migrator';
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { createDatabase, startHranaServer, transports } from '../hrana-server.ts';

const hrana = await startHranaServer();

const users = sqliteTable('users', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  name: text('name').notNull().unique(),
});

const posts = sqliteTable('posts', {
  id: integer('id').primaryKey(),
  title: text('title').notNull(),
  createdAt: integer('created_at', { mode: 'timestamp' }),
  tags: text('tags', { mode: 'json' }).$type<string[]>(),
  authorId: integer('author_id')
    .notNull()
    .references(() => users.id, { onDelete: 'cascade' }),
});

const usersRelations = relations(users, ({ many }) => ({ posts: many(posts) }));
const postsRelations = relations(posts, ({ one }) => ({
  author: one(users, { fields: [posts.authorId], references: [users.id] }),
}));

const schema = { users, posts, usersRelations, postsRelations };

/** Migrations as drizzle-kit writes them; the second one rebuilds a table that another refers to. */
const migrations: readonly string[] = [
  `CREATE TABLE users (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, name text NOT NULL);
--> statement-breakpoint
CREATE TABLE posts (id integer PRIMARY KEY NOT NULL, title text NOT NULL, created_at integer, tags text, author_id integer NOT NULL,
  FOREIGN KEY (author_id) REFERENCES users(id) ON UPDATE no action ON DELETE cascade);`,
  `PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE __new_users (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, name text NOT NULL UNIQUE);
--> statement-breakpoint
INSERT INTO __new_users (id, name) SELECT id, name FROM users;--> statement-breakpoint
DROP TABLE users;--> statement-breakpoint
ALTER TABLE __new_users RENAME TO users;--> statement-breakpoint
PRAGMA foreign_keys=ON;`,
];

/** Writes the first `count` migrations as a folder of drizzle-kit. */
function writeMigrations(folder: string, count: number): void {
  mkdirSync(path.join(folder, 'meta'), { recursive: true });
  const entries = migrations.slice(0, count).map((content, idx) => {
    writeFileSync(path.join(folder, `000${idx}_step.sql`), content);
    return { idx, version: '6', when: 1_800_000_000_000 + idx, tag: `000${idx}_step`, breakpoints: true };
  });
  writeFileSync(
    path.join(folder, 'meta', '_journal.json'),
    JSON.stringify({ version: '7', dialect: 'sqlite', entries }),
  );
}

for (const transport of transports) {
  test(`drizzle-orm over ${transport}: schema, migrations, relations, transactions`, async (t) => {
    const database = await createDatabase(hrana, `drizzle-${transport}`);
    const client = createClient({ url: hrana.url(transport, database), authToken: hrana.token });
    const folder = mkdtempSync(path.join(os.tmpdir(), 'quorate-drizzle-'));
    t.after(() => {
      client.close();
      rmSync(folder, { recursive: true });
    });
    const db = drizzle(client, { schema });
    writeMigrations(folder, 1);
    await migrate(db, { migrationsFolder: folder });
    const createdAt = new Date(1_700_000_000_000);
    const [ada] = await db.insert(users).values({ name: 'Ada' }).returning();
    assert.deepEqual(ada, { id: 1, name: 'Ada' });
    await db.insert(posts).values({ id: 1, title: 'Notes', authorId: 1, createdAt, tags: ['a', 'b'] });

    await t.test('a migration that rebuilds a table leaves what refers to it', async () => {
      writeMigrations(folder, 2);
      await migrate(db, { migrationsFolder: folder });
      await migrate(db, { migrationsFolder: folder });
      assert.equal((await db.select().from(posts)).length, 1);
    });

    await t.test('relations are read with one query', async () => {
      const found = await db.query.users.findFirst({ with: { posts: true }, where: eq(users.name, 'Ada') });
      assert.deepEqual(found?.posts, [{ id: 1, title: 'Notes', authorId: 1, createdAt, tags: ['a', 'b'] }]);
      const post = await db.query.posts.findFirst({ with: { author: true } });
      assert.equal(post?.author.name, 'Ada');
    });

    await t.test('a transaction that throws leaves no trace, and one that does not is there', async () => {
      const failing = db.transaction(async (tx) => {
        await tx.insert(users).values({ name: 'Grace' });
        throw new Error('no');
      });
      await assert.rejects(failing, /no/);
      await db.transaction(async (tx) => {
        await tx.insert(users).values({ name: 'Alan' });
        const [row] = await tx.select({ count: sql<number>`count(*)` }).from(users);
        assert.equal(row?.count, 2);
        await assert.rejects(
          tx.transaction(async (nested) => {
            await nested.insert(users).values({ name: 'Edsger' });
            throw new Error('not this one');
          }),
          /not this one/,
        );
      });
      const names = (await db.select().from(users).orderBy(users.id)).map(({ name }) => name);
      assert.deepEqual(names, ['Ada', 'Alan']);
    });

    await t.test('a batch is one transaction', async () => {
      const [inserted, all] = await db.batch([
        db.insert(users).values({ name: 'Barbara' }).returning({ name: users.name }),
        db.select().from(users),
      ]);
      assert.deepEqual(inserted, [{ name: 'Barbara' }]);
      assert.equal(all.length, 3);
      await assert.rejects(
        db.batch([db.insert(users).values({ name: 'X' }), db.insert(users).values({ name: 'Ada' })]),
      );
      assert.equal((await db.select().from(users)).length, 3);
    });

    await t.test('an upsert and a cascade do what they do in SQLite', async () => {
      await db
        .insert(users)
        .values({ id: 1, name: 'Ada' })
        .onConflictDoUpdate({ target: users.id, set: { name: 'Ada L.' } });
      assert.equal((await db.select().from(users).where(eq(users.id, 1)))[0]?.name, 'Ada L.');
      await db.delete(users).where(eq(users.id, 1));
      assert.equal((await db.select().from(posts)).length, 0);
    });
  });
}
