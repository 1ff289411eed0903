import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('..', import.meta.url));
const temporary = mkdtempSync(path.join(os.tmpdir(), 'quorate-package-'));
const application = path.join(temporary, 'application');
const installed = path.join(application, 'node_modules', 'quorate');
after(() => rmSync(temporary, { recursive: true }));

function run(directory: string, program: string, ...argumentList: string[]): string {
  return execFileSync(program, argumentList, {
    cwd: directory,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Builds and packs a copy, so that the clone is left as it is. */
function pack(): string {
  const staging = path.join(temporary, 'staging');
  mkdirSync(staging);
  for (const name of ['package.json', 'bin', 'proto', 'docs', 'deploy', 'README.md', 'LICENSE']) {
    cpSync(path.join(repository, name), path.join(staging, name), { recursive: true });
  }
  const compiler = path.join(repository, 'node_modules', '.bin', 'tsc');
  run(repository, compiler, '-p', 'tsconfig.build.json', '--outDir', path.join(staging, 'dist'));
  run(staging, 'npm', 'pack', '--ignore-scripts', '--silent', '--pack-destination', temporary);
  const archive = readdirSync(temporary).find((name) => name.endsWith('.tgz'));
  assert.ok(archive !== undefined);
  return path.join(temporary, archive);
}

/** The packages that an application gets with Quorate: a missing entry in `dependencies` shows. */
function linkDependencies(): void {
  const { packages } = JSON.parse(readFileSync(path.join(repository, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean }>;
  };
  const names = Object.keys(packages).filter((name) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(name));
  for (const name of names.filter((entry) => packages[entry]?.dev !== true && packages[entry]?.devOptional !== true)) {
    mkdirSync(path.dirname(path.join(application, name)), { recursive: true });
    symlinkSync(path.join(repository, name), path.join(application, name));
  }
}

before(() => {
  const archive = pack();
  mkdirSync(installed, { recursive: true });
  run(temporary, 'tar', '-xzf', archive, '-C', installed, '--strip-components=1');
  linkDependencies();
  writeFileSync(path.join(application, 'package.json'), '{"type": "module"}');
});

const program = `import { Quorate } from 'quorate';

await using quorate = await Quorate.open({ directory: process.argv[2] ?? '' });
const shop = await quorate.openOrCreate('shop');
await shop.execute('CREATE TABLE product (id INTEGER PRIMARY KEY, name TEXT)');
await shop.execute('INSERT INTO product (name) VALUES (?)', ['Teapot']);
const rows: { id: number; name: string }[] = shop.query<{ id: number; name: string }>('SELECT * FROM product');
console.log(JSON.stringify(rows));
`;

test('an application that installed the package can import it, write and read', () => {
  writeFileSync(path.join(application, 'main.ts'), program);
  const output = run(application, process.execPath, 'main.ts', path.join(temporary, 'data'));
  assert.deepEqual(JSON.parse(output), [{ id: 1, name: 'Teapot' }]);
});

const clientProgram = `import { connect, isQuorateError } from 'quorate/client';

try {
  const db = await connect({ nodes: ['http://127.0.0.1:1'], database: 'shop', token: 'x', limits: { timeoutMs: 1 } });
  const rows: { id: number }[] = await db.query<{ id: number }>('SELECT 1 AS id');
  console.log(rows.length);
} catch (error) {
  console.log(isQuorateError(error) ? error.code : error);
}
`;

test('an application that installed the package can import the client that follows', () => {
  writeFileSync(path.join(application, 'client.ts'), clientProgram);
  assert.equal(run(application, process.execPath, 'client.ts').trim(), 'UNAVAILABLE');
});

test('the declarations of the package type-check in an application', () => {
  writeFileSync(path.join(application, 'main.ts'), program);
  const compilerOptions = {
    target: 'ES2024',
    lib: ['ES2024', 'ESNext.Disposable'],
    module: 'NodeNext',
    types: ['node'],
    strict: true,
    noEmit: true,
  };
  writeFileSync(path.join(application, 'client.ts'), clientProgram);
  const files = ['main.ts', 'client.ts'];
  writeFileSync(path.join(application, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  run(application, path.join(repository, 'node_modules', '.bin', 'tsc'), '-p', '.');
});

test('the command of the package runs without the sources', () => {
  const { version } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as { version: string };
  assert.equal(run(application, process.execPath, path.join(installed, 'bin', 'quorate'), '--version').trim(), version);
});

test('the package holds what was built and nothing of the tests', () => {
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' });
  assert.deepEqual(
    files.filter((name) => /\.test\.|^src|^test|^dist\/demo|node_modules/.test(name)),
    [],
  );
  assert.ok(files.includes('LICENSE') && files.includes('proto/quorate/v1/replication.proto'));
});
