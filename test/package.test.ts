import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { compiler, here, minimumNode, nodeFolderOf, PackageProject, pack, repository, run } from './package-project.ts';
import { adminPassword, ServerProcess } from './server-process.ts';

const manifest = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8'));
const temporary = mkdtempSync(path.join(os.tmpdir(), 'quorate-package-'));

/** More than the package has; reached, somebody looks at what has come into it. */
const maxArchiveBytes = 2 * 1024 * 1024;

let archive = '';

before(() => {
  archive = pack(temporary);
});
after(() => rmSync(temporary, { recursive: true }));

const program = `import { isQuorateError, Quorate } from 'quorate';

await using quorate = await Quorate.open({ directory: './library' });
const shop = await quorate.openOrCreate('shop');
await shop.execute('CREATE TABLE product (id INTEGER PRIMARY KEY, name TEXT)');
await shop.execute('INSERT INTO product (name) VALUES (?)', ['Teapot']);
const code = await shop.execute('ATTACH ? AS x', ['x']).then(() => 'none', (error) => isQuorateError(error) && error.code);
console.log(JSON.stringify([process.version, code, shop.query('SELECT * FROM product')]));
`;

const consumer = `import { type ErrorCode, isQuorateError, Quorate } from 'quorate';

await using quorate = await Quorate.open({ directory: './library' });
const shop = await quorate.openOrCreate('shop');
const rows: { id: number; name: string }[] = shop.query<{ id: number; name: string }>('SELECT * FROM product');
try {
  await shop.execute('INSERT INTO product (name) VALUES (?)', [rows[0]?.name ?? null]);
} catch (error) {
  const code: ErrorCode | undefined = isQuorateError(error) ? error.code : undefined;
  console.log(code);
}
// @ts-expect-error a directory is a text
await Quorate.open({ directory: 1 });
`;

const clientProgram = `import { connect, isQuorateError } from 'quorate/client';

const nodes = ['http://127.0.0.1:1'];
await connect({ nodes, database: 'shop', token: 'x', limits: { timeoutMs: 1 } }).catch((error) =>
  console.log(isQuorateError(error) && error.code),
);
`;

const clientConsumer = `import { connect, type FollowingClient } from 'quorate/client';

const db: FollowingClient = await connect({ nodes: ['http://127.0.0.1:3380'], database: 'shop', token: 'x' });
const rows: { id: number }[] = await db.query<{ id: number }>('SELECT id FROM product', [], { consistency: { maxLagMs: 500 } });
// @ts-expect-error there is no such level
await db.query('SELECT 1', [], { consistency: 'best' });
console.log(rows);
`;

const compilerOptions = {
  target: 'ES2024',
  lib: ['ES2024', 'ESNext.Disposable'],
  module: 'nodenext',
  moduleResolution: 'nodenext',
  types: ['node'],
  strict: true,
  noEmit: true,
};

/** The oldest Node that is supported, and the one that Quorate is developed on. */
for (const version of [minimumNode, manifest.devDependencies.node as string]) {
  describe(`in an empty project on Node ${version}`, () => {
    let project: PackageProject;

    before(() => {
      const nodeFolder = nodeFolderOf(version, path.join(temporary, `node-${version}`));
      project = new PackageProject(path.join(temporary, `project-${version}`), nodeFolder);
      project.install(archive);
    });

    test('the library is imported, writes, reads and refuses', () => {
      project.write('main.mjs', program);
      const expected = [`v${version}`, 'UNSUPPORTED_STATEMENT', [{ id: 1, name: 'Teapot' }]];
      assert.deepEqual(JSON.parse(run(project, 'node', 'main.mjs')), expected);
    });

    test('the client that follows is imported', () => {
      project.write('client.mjs', clientProgram);
      assert.equal(run(project, 'node', 'client.mjs').trim(), 'UNAVAILABLE');
    });

    test('the declarations type-check', () => {
      project.write('consumer.ts', consumer);
      project.write('client-consumer.ts', clientConsumer);
      const files = ['consumer.ts', 'client-consumer.ts'];
      project.write('tsconfig.json', JSON.stringify({ compilerOptions, files }));
      run({ ...here, directory: project.directory }, compiler, '--noEmit', '-p', '.');
    });

    test('the command starts a server, writes and reads over it, and the server stops in order', async () => {
      const quorate = (...args: string[]) => run(project, project.linked('quorate'), ...args);
      assert.equal(quorate('--version').trim(), manifest.version);
      const command = [path.join(project.nodeFolder, 'node'), project.linked('quorate')] as const;
      const server = await ServerProcess.start({ directory: path.join(project.directory, 'data'), command });
      const port = ['--port', String(server.port)];
      project.write('password.txt', adminPassword);
      quorate('login', 'admin', '--password-file', 'password.txt', ...port);
      quorate('query', 'defaultdb', 'CREATE TABLE product (name TEXT)', ...port);
      quorate('query', 'defaultdb', "INSERT INTO product VALUES ('Teapot')", ...port);
      assert.match(quorate('query', 'defaultdb', 'SELECT name FROM product', ...port), /Teapot/);
      assert.equal(await server.stop(), 0);
    });
  });
}

test('the package says which Node it needs, as its launcher does', () => {
  assert.equal(manifest.engines.node, `>=${minimumNode.replace(/\.0$/, '')}`);
});

test('the package holds what was built, its documents and nothing of the development', () => {
  const listed = run(here, 'tar', '-tzf', archive).trim().split('\n');
  const files = listed.map((name) => name.replace('package/', ''));
  const belongs =
    /^(bin\/|dist\/.*(\.js|\.js\.map|\.d\.ts)$|docs\/|deploy\/|proto\/.*\.proto$|package\.json$|README\.md$|LICENSE$)/;
  assert.deepEqual(
    files.filter(
      (name) => !belongs.test(name) || /\.test\.|\/testing\/|^dist\/demo\/|^dist\/.*(?<!\.d)\.ts$/.test(name),
    ),
    [],
  );
  for (const name of ['LICENSE', 'README.md', 'bin/quorate', 'dist/library/interface.d.ts', 'docs/options.md']) {
    assert.ok(files.includes(name), name);
  }
  const sizeBytes = statSync(archive).size;
  console.log(`the package has ${files.length} files in ${Math.ceil(sizeBytes / 1024)} KiB`);
  assert.ok(sizeBytes < maxArchiveBytes, `${sizeBytes} bytes`);
});
