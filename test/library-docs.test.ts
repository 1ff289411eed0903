/** The page about the library, run as one program: what its comments say it prints is what it prints. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(path.join(repository, 'docs', 'library.md'), 'utf8');
const folder = mkdtempSync(path.join(os.tmpdir(), 'quorate-docs-'));
const program = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code).join('\n');

before(() => {
  mkdirSync(path.join(folder, 'node_modules', '@types'), { recursive: true });
  symlinkSync(repository, path.join(folder, 'node_modules', 'quorate'));
  symlinkSync(
    path.join(repository, 'node_modules', '@types', 'node'),
    path.join(folder, 'node_modules', '@types', 'node'),
  );
  writeFileSync(path.join(folder, 'package.json'), '{"type": "module"}');
  writeFileSync(path.join(folder, 'program.ts'), program);
});
after(() => rmSync(folder, { recursive: true }));

test('the snippets print what the page says', () => {
  const expected = [...program.matchAll(/ \/\/ → (.*)$/gm)].map(([, text]) => text);
  const output = execFileSync(process.execPath, ['--conditions=quorate-source', 'program.ts'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.deepEqual(output.trimEnd().split('\n'), expected);
});

test('the snippets are right in the eyes of the compiler', () => {
  const { compilerOptions } = JSON.parse(readFileSync(path.join(repository, 'tsconfig.json'), 'utf8'));
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
  execFileSync(path.join(repository, 'node_modules', '.bin', 'tsc'), ['-p', '.'], { cwd: folder, stdio: 'inherit' });
});
