import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createClient } from '@libsql/client';
import { PrismaLibSql } from '@prisma/adapter-libsql';
import { createDatabase, startHranaServer, transports } from '../hrana-server.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What Prisma generates from the schema is used without types: it is not there when this file is checked. */
// biome-ignore lint/suspicious/noExplicitAny: see above.
type Generated = any;

/** Generates a client in a folder that has the packages of the repository, and goes when the tests have ended. */
function generateClient(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'quorate-prisma-'));
  after(() => rmSync(folder, { recursive: true }));
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
  copyFileSync(new URL('./prisma/schema.prisma', import.meta.url), path.join(folder, 'schema.prisma'));
  const program = path.join(root, 'node_modules', 'prisma', 'build', 'index.js');
  execFileSync(process.execPath, [program, 'generate', '--schema', path.join(folder, 'schema.prisma')], {
    cwd: folder,
    // The schema engine is not used, but would be fetched.
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true', CHECKPOINT_DISABLE: '1' },
    stdio: 'pipe',
  });
  return folder;
}

const hrana = await startHranaServer();
const folder = generateClient();

/** As `prisma migrate diff --from-empty --to-schema` writes it. */
const migration = `
CREATE TABLE "User" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "email" TEXT NOT NULL);
CREATE TABLE "Post" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "title" TEXT NOT NULL, "large" BIGINT NOT NULL DEFAULT 0,
  "createdAt" DATETIME NOT NULL, "authorId" INTEGER NOT NULL,
  CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE);
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
`;

for (const transport of transports) {
  test(`Prisma over ${transport} through its libSQL adapter: relations, transactions, values`, async (t) => {
    const url = hrana.url(transport, await createDatabase(hrana, `prisma-${transport}`));
    const client = createClient({ url, authToken: hrana.token });
    await client.executeMultiple(migration);
    client.close();
    const { PrismaClient } = (await import(
      pathToFileURL(path.join(folder, 'generated', 'client.ts')).href
    )) as Generated;
    const prisma: Generated = new PrismaClient({ adapter: new PrismaLibSql({ url, authToken: hrana.token }) });
    t.after(() => prisma.$disconnect());

    const createdAt = new Date(1_700_000_000_000);
    const post = { title: 'Notes', large: 9_007_199_254_740_991n, createdAt };
    await prisma.user.create({ data: { email: 'ada@example.com', posts: { create: [post] } } });
    const found = await prisma.user.findUnique({ where: { email: 'ada@example.com' }, include: { posts: true } });
    assert.deepEqual(found.posts[0], { id: 1, authorId: 1, ...post });

    await assert.rejects(
      prisma.user.create({ data: { email: 'ada@example.com' } }),
      /UNIQUE constraint failed|Unique constraint/,
    );
    await assert.rejects(
      prisma.$transaction(async (tx: Generated) => {
        await tx.user.create({ data: { email: 'alan@example.com' } });
        throw new Error('no');
      }),
      /no/,
    );
    await prisma.$transaction([
      prisma.user.create({ data: { email: 'grace@example.com' } }),
      prisma.post.updateMany({ data: { title: 'Letters' } }),
    ]);
    const emails = (await prisma.user.findMany({ orderBy: { id: 'asc' } })).map((user: Generated) => user.email);
    assert.deepEqual(emails, ['ada@example.com', 'grace@example.com']);
    await prisma.user.delete({ where: { id: 1 } });
    assert.equal(await prisma.post.count(), 0);
    const [{ n }] = await prisma.$queryRaw`SELECT count(*) AS n FROM "User"`;
    assert.equal(Number(n), 1);
  });
}
