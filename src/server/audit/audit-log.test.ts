import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { QuorateError } from '../../errors/interface.ts';
import { createNodeRuntime, type FileHandle, type Runtime } from '../../runtime/interface.ts';
import { type AuditedAction, AuditLog } from './audit-log.ts';

const node = { nodeId: '0123456789abcdef', nodeName: 'here' };

function folder(t: TestContext): string {
  const root = mkdtempSync(path.join(os.tmpdir(), 'quorate-audit-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return path.join(root, 'audit');
}

interface Limits {
  readonly maxFileBytes?: number;
  readonly maxFiles?: number;
  readonly runtime?: Runtime;
}

function open(directory: string, { maxFileBytes = 4_096, maxFiles = 3, runtime = createNodeRuntime() }: Limits = {}) {
  return AuditLog.open({ directory, runtime, node, maxFileBytes, maxFiles });
}

const action = (name: string, request: unknown = {}): AuditedAction => ({
  action: name,
  user: 'ada',
  address: '127.0.0.1',
  request,
});

function lines(directory: string): { action: string; outcome: string; request: unknown }[] {
  return readdirSync(directory)
    .sort()
    .flatMap((name) => readFileSync(path.join(directory, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

test('entries go on after a restart, and what a crash has left of a last line is cut', async (t) => {
  const directory = folder(t);
  {
    using log = open(directory);
    await log.run(action('first'), () => 1);
  }
  const file = path.join(directory, readdirSync(directory)[0] as string);
  appendFileSync(file, '{"time":"2026-');
  using log = open(directory);
  await log.run(action('second'), () => 2);
  assert.deepEqual(
    lines(directory).map((entry) => entry.action),
    ['first', 'second'],
  );
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test('files have a bounded size and number, and the newest entries stay', async (t) => {
  const directory = folder(t);
  using log = open(directory);
  for (let index = 0; index < 200; index += 1) {
    await log.run(action(`action ${index}`), () => index);
  }
  const names = readdirSync(directory);
  assert.equal(names.length, 3);
  assert.ok(names.every((name) => statSync(path.join(directory, name)).size <= 4_096));
  const kept = lines(directory).map((entry) => entry.action);
  assert.equal(kept.at(-1), 'action 199');
  assert.deepEqual(
    kept,
    Array.from({ length: kept.length }, (_, index) => `action ${200 - kept.length + index}`),
  );
});

test('an action is recorded with its outcome, and the caller gets its error; refusals because of load are not', async (t) => {
  const directory = folder(t);
  using log = open(directory);
  assert.equal(await log.run(action('good'), () => Promise.resolve(7)), 7);
  for (const code of ['PERMISSION_DENIED', 'OVERLOADED', 'UNAVAILABLE'] as const) {
    const fails = () => {
      throw new QuorateError(code, 'refused');
    };
    await assert.rejects(log.run(action('bad'), fails), { code });
  }
  assert.deepEqual(
    lines(directory).map(({ action: name, outcome }) => [name, outcome]),
    [
      ['good', 'ok'],
      ['bad', 'PERMISSION_DENIED'],
    ],
  );
});

test('secrets, bytes and long texts of a request are left out', async (t) => {
  const directory = folder(t);
  using log = open(directory, { maxFileBytes: 1_000_000 });
  const request = {
    user: 'ada',
    password: 'hidden',
    replication: { primaryPassword: 'hidden', primaryHost: 'a', primaryPort: 0 },
    token: 'hidden',
    content: Buffer.from('hidden'),
    statement: 'x'.repeat(1_000),
    count: 9n,
  };
  await log.run(action('create', request), () => {});
  await log.run(
    action(
      'large',
      Array.from({ length: 32 }, () => Array.from({ length: 32 }, () => 'y'.repeat(256))),
    ),
    () => {},
  );
  const [entry, large] = lines(directory);
  assert.deepEqual(entry?.request, {
    user: 'ada',
    password: '[secret]',
    replication: { primaryPassword: '[secret]', primaryHost: 'a' },
    token: '[secret]',
    content: '[6 bytes]',
    statement: `${'x'.repeat(256)}…`,
    count: 9,
  });
  assert.equal(large?.request, '[too long]');
});

test('after an entry could not be written no other action runs until the log can be written again', async (t) => {
  const directory = folder(t);
  let isFull = false;
  const runtime = createNodeRuntime();
  const files = {
    ...runtime.files,
    openSync(file: string, mode: 'read' | 'readwrite' | 'create'): FileHandle {
      const handle = runtime.files.openSync(file, mode);
      const write = handle.writeSync.bind(handle);
      handle.writeSync = (source, position) => {
        if (isFull) {
          throw new QuorateError('DISK_FULL', 'full');
        }
        write(source, position);
      };
      return handle;
    },
  };
  using log = open(directory, { runtime: { ...runtime, files } });
  const done: string[] = [];
  const run = (name: string) => log.run(action(name), () => done.push(name));
  await run('one');
  isFull = true;
  await assert.rejects(run('two'), { code: 'DISK_FULL' });
  await assert.rejects(run('three'), { code: 'DISK_FULL' });
  isFull = false;
  await run('four');
  assert.deepEqual(done, ['one', 'two', 'four']);
  assert.deepEqual(
    lines(directory).map((entry) => entry.action),
    ['one', 'audit.resume', 'four'],
  );
  assert.equal(log.failures, 2);
});
