import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const temporary = mkdtempSync(path.join(os.tmpdir(), 'quorate-launcher-'));
after(() => rmSync(temporary, { recursive: true }));

/** Makes the process that it is given to look like one of an older Node, so that the launcher takes another. */
const olderNode = "--import=data:text/javascript,Object.defineProperty(process,'version',{value:'v20.1.0'})";

/** A clone whose command line is the given program. */
function clone(name: string, main: string, modules = true): string {
  const root = path.join(temporary, name);
  mkdirSync(path.join(root, 'src', 'cli'), { recursive: true });
  cpSync(path.join(repository, 'bin'), path.join(root, 'bin'), { recursive: true });
  writeFileSync(path.join(root, 'package.json'), '{"type": "module"}');
  writeFileSync(path.join(root, 'src', 'cli', 'main.ts'), main);
  if (modules) {
    symlinkSync(path.join(repository, 'node_modules'), path.join(root, 'node_modules'));
  }
  return path.join(root, 'bin', 'quorate');
}

function start(nodeArguments: readonly string[], program: string, argv: readonly string[] = []): ChildProcess {
  return spawn(process.execPath, [...nodeArguments, program, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
}

async function finish(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => {
    output.stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    output.stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, ...output };
}

async function firstLine(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout !== null);
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return String(line);
}

const echo = `export async function main(argv: readonly string[]): Promise<number> {
  process.emitWarning('SQLite is an experimental feature and might change at any time', 'ExperimentalWarning');
  process.emitWarning('another warning');
  console.log(JSON.stringify({ argv, version: process.versions.node, lifeline: process.env.QUORATE_LAUNCHER_LIFELINE }));
  return 7;
}`;

/** Says its process id when it is ready; runs until a SIGTERM. */
const waiting = `export function main(): Promise<number> {
  const alive = setInterval(() => {}, 1000);
  const stopped = new Promise<number>((resolve) => {
    process.on('SIGTERM', () => {
      console.log('stopped by SIGTERM');
      clearInterval(alive);
      resolve(3);
    });
  });
  console.log(process.pid);
  return stopped;
}`;

test('a suitable Node runs the command line itself, with its arguments and exit code', async () => {
  const result = await finish(start([], clone('direct', echo), ['query', '--json', 'a b']));
  assert.equal(result.code, 7);
  assert.deepEqual(JSON.parse(result.stdout).argv, ['query', '--json', 'a b']);
});

test('an older Node runs it on the pinned one, with its arguments and exit code', async () => {
  const result = await finish(start([olderNode], clone('older', echo), ['query', '', 'a b']));
  assert.equal(result.code, 7, result.stderr);
  const seen = JSON.parse(result.stdout);
  assert.deepEqual(seen.argv, ['query', '', 'a b']);
  assert.notEqual(seen.version, '20.1.0');
  assert.equal(seen.lifeline, undefined, 'what the child starts must not take the lifeline for its own');
});

test('only the warning about SQLite is kept back', async () => {
  const { stderr } = await finish(start([], clone('warning', echo)));
  assert.doesNotMatch(stderr, /experimental/);
  assert.match(stderr, /another warning/);
});

test('without any suitable Node it says what it needs and exits with 2', async () => {
  const result = await finish(start([olderNode], clone('none', echo, false)));
  assert.equal(result.code, 2);
  assert.match(result.stderr, /this is Node v20\.1\.0, and Quorate needs Node 24\.15\.0 or newer/);
});

test('a signal to the launcher reaches the command line, whose exit code is kept', async () => {
  const child = start([olderNode], clone('signal', waiting));
  await firstLine(child);
  const finished = finish(child);
  child.kill('SIGTERM');
  const { code, stdout } = await finished;
  assert.match(stdout, /stopped by SIGTERM/);
  assert.equal(code, 3);
});

test('a command line whose launcher was killed stops by itself', async () => {
  const child = start([olderNode], clone('orphan', waiting));
  const pid = Number(await firstLine(child));
  assert.notEqual(pid, child.pid);
  // The pipe to this process closes only when the grandchild, which inherited it, has ended as well.
  const finished = finish(child);
  child.kill('SIGKILL');
  const { stdout } = await finished;
  assert.match(stdout, /stopped by SIGTERM/);
});
