/** What README.md and the page about the library show, run as one program each. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(path.join(os.tmpdir(), 'quorate-docs-'));
const page = snippetsOf('docs/library.md');

function snippetsOf(page: string): string {
  const text = readFileSync(path.join(repository, page), 'utf8');
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code).join('\n');
}

/** Runs a program in a folder of its own. */
function run(name: string, text: string): string {
  const cwd = path.join(folder, name);
  mkdirSync(cwd);
  writeFileSync(path.join(cwd, 'program.ts'), text);
  const options = { cwd, encoding: 'utf8', timeout: 60_000 } as const;
  return execFileSync(process.execPath, ['--conditions=quorate-source', 'program.ts'], options);
}

before(() => {
  mkdirSync(path.join(folder, 'node_modules', '@types'), { recursive: true });
  symlinkSync(repository, path.join(folder, 'node_modules', 'quorate'));
  symlinkSync(
    path.join(repository, 'node_modules', '@types', 'node'),
    path.join(folder, 'node_modules', '@types', 'node'),
  );
  writeFileSync(path.join(folder, 'package.json'), '{"type": "module"}');
});
after(() => rmSync(folder, { recursive: true }));

test('the snippets of docs/library.md print what the page says', () => {
  const expected = [...page.matchAll(/ \/\/ → (.*)$/gm)].map(([, text]) => text);
  assert.deepEqual(run('library', page).trimEnd().split('\n'), expected);
});

test('the snippet of the README runs', () => {
  const program = `${snippetsOf('README.md')}console.log(JSON.stringify(products));`;
  assert.deepEqual(JSON.parse(run('readme', program)), [{ id: 1, name: 'Teapot', price: 24.5 }]);
});

test('the snippets are right in the eyes of the compiler', () => {
  const { compilerOptions } = JSON.parse(readFileSync(path.join(repository, 'tsconfig.json'), 'utf8'));
  writeFileSync(
    path.join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: ['library/program.ts', 'readme/program.ts'] }),
  );
  execFileSync(path.join(repository, 'node_modules', '.bin', 'tsc'), ['-p', '.'], { cwd: folder, stdio: 'inherit' });
});
