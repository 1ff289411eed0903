import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

function runBench(parameters: readonly string[], temporary: string) {
  return spawnSync(process.execPath, ['--conditions=quorate-source', 'bench/main.ts', ...parameters], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, TMPDIR: temporary },
  });
}

test('a benchmark ends with its figure, writes what it ran on and leaves no file behind', (t) => {
  const temporary = mkdtempSync(path.join(os.tmpdir(), 'quorate-bench-test-'));
  t.after(() => rmSync(temporary, { recursive: true }));
  const { stdout, stderr, status } = runBench(['lag', '--rounds', '1', '--seconds', '0.3'], temporary);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /\nfigure lag\.p99_ms \d+(\.\d+)?\n$/);
  const file = path.join(root, /written to (.*)/.exec(stdout)?.[1] ?? '');
  t.after(() => rmSync(file));
  const { machine, versions, figures } = JSON.parse(readFileSync(file, 'utf8'));
  assert.ok(machine.cores > 0 && machine.fileSystem.length > 0);
  assert.equal(versions.node, process.versions.node);
  assert.ok(figures['lag.p99_ms'] >= 0);
  assert.deepEqual(readdirSync(temporary), []);
});

test('an unknown benchmark is refused with the names of those there are', () => {
  const { status, stderr } = runBench(['speed'], os.tmpdir());
  assert.equal(status, 2);
  assert.match(stderr, /write, quorum, apply, lag, read, snapshot, verify, memory/);
});
