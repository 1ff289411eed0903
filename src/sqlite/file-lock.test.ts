import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { FileLock } from './file-lock.ts';

test('a lock excludes a second holder until it is released', (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'quorate-lock-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'lock');
  const first = FileLock.acquire(file);
  assert.throws(() => FileLock.acquire(file), { code: 'DATABASE_LOCKED' });
  first[Symbol.dispose]();
  FileLock.acquire(file)[Symbol.dispose]();
});

test('a lock of another process excludes this one, and is gone when that process is killed', async (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'quorate-lock-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'lock');
  const script = `const { FileLock } = await import(${JSON.stringify(new URL('./file-lock.ts', import.meta.url).href)});
    globalThis.held = FileLock.acquire(${JSON.stringify(file)}); process.stdout.write('held'); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  assert.throws(() => FileLock.acquire(file), { code: 'DATABASE_LOCKED' });
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  FileLock.acquire(file)[Symbol.dispose]();
});
