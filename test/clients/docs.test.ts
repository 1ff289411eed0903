/** What docs/clients.md shows is run as one program, and the versions that it names are those that are tested. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createDatabase, startHranaServer, transports } from '../hrana-server.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(path.join(repository, 'docs', 'clients.md'), 'utf8');
const hrana = await startHranaServer();

for (const transport of transports) {
  test(`the snippets of docs/clients.md print what the page says, over ${transport}`, async (t) => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'quorate-docs-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const program = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code).join('\n');
    writeFileSync(path.join(folder, 'program.ts'), program);
    writeFileSync(path.join(folder, 'package.json'), '{"type": "module"}');
    symlinkSync(path.join(repository, 'node_modules'), path.join(folder, 'node_modules'));
    const url = hrana.url(transport, await createDatabase(hrana, `docs-${transport}`));
    const env = { ...process.env, DATABASE_URL: url, DATABASE_TOKEN: hrana.token };
    const output = execFileSync(process.execPath, ['program.ts'], {
      cwd: folder,
      env,
      encoding: 'utf8',
      timeout: 60_000,
    });
    const expected = [...program.matchAll(/ \/\/ → (.*)$/gm)].map(([, text]) => text);
    assert.deepEqual(output.trimEnd().split('\n'), expected);
  });
}

test('docs/clients.md names the versions that are tested', () => {
  const { devDependencies } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8'));
  const rows: readonly [client: string, ...packages: string[]][] = [
    ['`@libsql/client`', '@libsql/client'],
    ['`drizzle-orm`', 'drizzle-orm'],
    ['`kysely`', 'kysely', '@libsql/kysely-libsql'],
    ['Prisma', '@prisma/adapter-libsql'],
    ['`libsql`', 'libsql'],
    ['TypeORM', 'typeorm'],
    ['Sequelize', 'sequelize', '@libsql/sqlite3'],
    ['`@tursodatabase/serverless`', '@tursodatabase/serverless'],
  ];
  for (const [client, ...packages] of rows) {
    const versions = packages.map((name) => devDependencies[name]).join(', ');
    const row = page.split('\n').find((line) => line.startsWith(`| ${client}`));
    assert.ok(row?.includes(`| ${versions} |`), `${client}: ${versions}`);
  }
});
