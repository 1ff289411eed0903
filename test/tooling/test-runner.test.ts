import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const runner = fileURLToPath(new URL('../../scripts/test.ts', import.meta.url));

/** Runs test files with the given texts, and gives the exit code and what was printed. */
function runFiles(...texts: readonly string[]): { code: number | null; lines: string[] } {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'quorate-runner-'));
  try {
    for (const [index, text] of texts.entries()) {
      writeFileSync(path.join(directory, `${index}.test.ts`), text);
    }
    // The variable tells node:test that it runs inside of a test, and it would then run nothing.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const result = spawnSync(process.execPath, [runner, directory], { encoding: 'utf8', env });
    return { code: result.status, lines: result.stdout.trimEnd().split('\n') };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const passing = "import { test } from 'node:test'; test('fine', () => {}); test('fine too', () => {});";
const failing =
  "import { test } from 'node:test'; test('fine', () => {}); test('bad', () => { throw new Error('x'); });";
const skipping = "import { test } from 'node:test'; test('fine', () => {}); test('later', { skip: true }, () => {});";

test('passing files end with the sum of their tests and exit code 0', () => {
  const { code, lines } = runFiles(passing, passing, skipping);
  assert.equal(lines.at(-1), '5 passed, 0 failed');
  assert.equal(code, 0);
});

test('one failing test fails the run, whose end tells why', () => {
  const { code, lines } = runFiles(failing, ...Array.from({ length: 4 }, () => passing));
  assert.equal(lines.at(-1), '9 passed, 1 failed');
  assert.ok(lines.lastIndexOf('✖ failing tests:') > lines.indexOf('✔ fine too'), lines.join('\n'));
  assert.match(lines.slice(lines.lastIndexOf('✖ failing tests:')).join('\n'), /✖ bad .*\n\s*Error: x/);
  assert.equal(code, 1);
});

test('a file that cannot be loaded, runs no test or leaves early fails the run', () => {
  for (const text of ["import './absent.mjs';", 'export {};', 'process.exit(0);']) {
    const { code, lines } = runFiles(passing, text);
    assert.equal(lines.at(-1), '2 passed, 1 failed', text);
    assert.equal(code, 1, text);
  }
});

test('no test at all fails the run', () => {
  const { code, lines } = runFiles();
  assert.equal(lines.at(-1), '0 passed, 0 failed');
  assert.equal(code, 1);
});
