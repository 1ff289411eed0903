/** The coordinator of one machine: its contract, and what happens to its file. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, type TestContext, test } from 'node:test';
import type { CoordinatorSettings } from '../../src/cluster/interface.ts';
import { LocalCoordinator } from '../../src/cluster/local-coordinator.ts';
import { createNodeRuntime, type Machine, machine } from '../../src/runtime/interface.ts';
import { until } from '../until.ts';
import { opened, testContract } from './contract.ts';
import { CoordinatorProcess } from './process-handle.ts';
import { coordinatorSettings } from './settings.ts';

const root = mkdtempSync(path.join(os.tmpdir(), 'quorate-coordinator-'));
after(() => rmSync(root, { recursive: true, force: true }));

function settingsIn(name: string): CoordinatorSettings {
  return coordinatorSettings({ coordinator: 'local', coordinatorDir: path.join(root, name) });
}

testContract({ name: 'local', settings: () => settingsIn('contract'), ttlMs: 400, removalMs: 500 });

function fileIn(name: string, generation = 1): string {
  return path.join(root, name, generation === 1 ? 'coordinator.sqlite' : `coordinator-${generation}.sqlite`);
}

/** What is in the folder, without what SQLite keeps beside its files. */
function files(name: string): string[] {
  return readdirSync(path.join(root, name))
    .filter((file) => !/-(wal|shm)$/.test(file))
    .sort();
}

/** A coordinator on a machine that a test has made up. */
async function openedOn(t: Pick<TestContext, 'after'>, name: string, changed: Partial<Machine>) {
  const options = { directory: path.join(root, name), timeoutMs: 2_000, machine: { ...machine, ...changed } };
  const coordinator = await LocalCoordinator.open(options, createNodeRuntime());
  t.after(() => coordinator[Symbol.asyncDispose]());
  return coordinator;
}

test('a folder on a file system of other machines is refused, with what to do', async (t) => {
  const refused = openedOn(t, 'network', { networkFileSystem: () => 'NFS' });
  await assert.rejects(refused, { code: 'INVALID_ARGUMENT', message: /NFS/, hint: /etcd/ });
});

test('when the machine has started again all leases have ended, and the rest is there', async (t) => {
  const before = await openedOn(t, 'boot', { bootId: 'first', monotonicMs: () => 1_000_000 });
  const lease = await before.openLease(60_000);
  const { revision } = await before.commit(
    [],
    [
      { key: 'primary', value: 'a', leaseId: lease.id },
      { key: 'members', value: 'a, b' },
    ],
  );
  await before[Symbol.asyncDispose]();
  const later = await openedOn(t, 'boot', { bootId: 'second', monotonicMs: () => 500 });
  const view = await later.list('');
  assert.deepEqual(
    view.entries.map(({ key }) => key),
    ['members'],
  );
  assert.ok(view.revision > revision);
});

test('without the name of a start of the machine, a clock that began anew ends leases too', async (t) => {
  const before = await openedOn(t, 'unnamed-boot', { bootId: '', monotonicMs: () => 1_000_000 });
  const lease = await before.openLease(60_000);
  await before.commit([], [{ key: 'primary', value: 'a', leaseId: lease.id }]);
  await before[Symbol.asyncDispose]();
  const later = await openedOn(t, 'unnamed-boot', { bootId: '', monotonicMs: () => 500 });
  assert.equal(await later.get('primary'), undefined);
});

test('a node whose folder another machine takes over stops using it', async (t) => {
  const first = await openedOn(t, 'taken', { bootId: 'first' });
  const lease = await first.openLease(60_000);
  await openedOn(t, 'taken', { bootId: 'second' });
  await assert.rejects(first.get('key'), { code: 'COORDINATOR_UNAVAILABLE', message: /another machine/ });
  await assert.rejects(lease.renew(), { code: 'COORDINATOR_UNAVAILABLE' });
});

test('a copy of the folder, also an old one, gives only revisions that were never given', async (t) => {
  const original = await opened(t, settingsIn('original'));
  const old = await original.commit([], [{ key: 'a', value: 'old' }]);
  await original[Symbol.asyncDispose]();
  cpSync(path.join(root, 'original'), path.join(root, 'copy'), { recursive: true });
  const goneOn = await opened(t, settingsIn('original'));
  let newest = old;
  for (let i = 0; i < 10; i += 1) {
    newest = await goneOn.commit([], [{ key: 'a', value: 'new' }]);
  }
  const copy = await opened(t, settingsIn('copy'));
  assert.equal((await copy.get('a'))?.value, 'old');
  assert.ok((await copy.list('')).revision > newest.revision);
  assert.ok((await copy.commit([], [{ key: 'b', value: '' }])).revision > newest.revision);
});

test('a file that is set back, or goes away, under a node that runs is not used any more', async (t) => {
  const coordinator = await opened(t, settingsIn('set-back'));
  await coordinator.commit([], [{ key: 'a', value: '' }]);
  await coordinator.commit([], [{ key: 'a', value: '' }]);
  const db = new DatabaseSync(fileIn('set-back'));
  db.exec('UPDATE state SET revision = 1');
  db.close();
  for (let i = 0; i < 2; i += 1) {
    await assert.rejects(coordinator.list(''), { code: 'COORDINATOR_UNAVAILABLE', message: /earlier state/ });
  }

  const second = await opened(t, settingsIn('removed'));
  rmSync(path.join(root, 'removed'), { recursive: true });
  await assert.rejects(second.list(''), { code: 'COORDINATOR_UNAVAILABLE', message: /removed/ });
});

test('others wait for a process in the middle of a change without blocking, and read meanwhile', async (t) => {
  const coordinator = await opened(t, settingsIn('locked'));
  await coordinator.commit([], [{ key: 'a', value: 'before' }]);
  const holder = new DatabaseSync(fileIn('locked'));
  t.after(() => holder.close());
  holder.exec('BEGIN IMMEDIATE');
  const changing = coordinator.commit([], [{ key: 'a', value: 'after' }]);
  let ticks = 0;
  await until('timers fire meanwhile', () => {
    ticks += 1;
    return ticks > 5;
  });
  assert.equal((await coordinator.get('a'))?.value, 'before');
  holder.exec('ROLLBACK');
  assert.ok((await changing).done);
  assert.deepEqual(files('locked'), ['coordinator.sqlite']);
});

test('when a process is stopped in the middle of a change, the others go on, and it finds that its change does not count', async (t) => {
  const coordinator = await opened(t, settingsIn('stopped'));
  const seen = new Set<string>();
  coordinator.watch('', {
    changed: () => void coordinator.list('').then(({ entries }) => entries.map(({ key }) => seen.add(key))),
  });
  const stopped = new CoordinatorProcess(t, settingsIn('stopped'));
  const put = (key: string) => stopped.ask({ kind: 'put', key, value: '', leased: false });
  await put('first');
  assert.equal(await stopped.ask({ kind: 'stop-in-next-change' }), undefined);
  const stopping = put('in the middle');
  await until('the process stands still', () => stopped.isStopped);

  const { revision } = await coordinator.list('');
  const meanwhile = await coordinator.commit(
    [{ key: 'first', changedRevision: revision }],
    [{ key: 'second', value: '' }],
  );
  assert.deepEqual(meanwhile, { done: true, revision: revision + 1 });
  const later = await opened(t, settingsIn('stopped'));
  assert.ok((await later.commit([], [{ key: 'third', value: '' }])).done);

  stopped.resume();
  assert.equal(await stopping, 'COORDINATOR_UNAVAILABLE');
  await put('fourth');
  const keys = ['first', 'fourth', 'second', 'third'];
  assert.deepEqual(
    (await coordinator.list('')).entries.map(({ key }) => key),
    keys,
  );
  await until('the watch has seen all', () => keys.every((key) => seen.has(key)));
  assert.deepEqual(files('stopped'), ['coordinator-1.closed', 'coordinator-2.sqlite', 'coordinator.sqlite']);
});

test('a process that opens the folder while another holds the lock goes on without it', async (t) => {
  const first = await opened(t, settingsIn('held'));
  await first.commit([], [{ key: 'a', value: '' }]);
  for (const generation of [1, 2, 3]) {
    const holder = new DatabaseSync(fileIn('held', generation));
    t.after(() => holder.close());
    holder.exec('BEGIN IMMEDIATE');
    const next = await opened(t, settingsIn('held'));
    assert.ok((await next.commit([], [{ key: `${generation}`, value: '' }])).done);
  }
  assert.deepEqual(
    (await first.list('')).entries.map(({ key }) => key),
    ['1', '2', '3', 'a'],
  );
  const marks = ['coordinator-1.closed', 'coordinator-2.closed', 'coordinator-3.closed'];
  assert.deepEqual(files('held'), [...marks, 'coordinator-3.sqlite', 'coordinator-4.sqlite'].sort());
});

test('a file that was closed by a process which then died is copied by whoever comes next', async (t) => {
  const before = await opened(t, settingsIn('closed'));
  const { revision } = await before.commit([], [{ key: 'a', value: 'kept' }]);
  writeFileSync(path.join(root, 'closed', 'coordinator-1.closed'), '');
  const after = await before.list('');
  assert.equal(after.revision, revision);
  assert.deepEqual(
    after.entries.map(({ value }) => value),
    ['kept'],
  );
  assert.deepEqual(files('closed'), ['coordinator-1.closed', 'coordinator-2.sqlite', 'coordinator.sqlite']);
});

test('a folder that is none, and a file that is no SQLite, are told', async (t) => {
  writeFileSync(path.join(root, 'plain-file'), 'no folder');
  await assert.rejects(opened(t, settingsIn('plain-file')), { code: 'COORDINATOR_UNAVAILABLE', message: /plain-file/ });
  mkdirSync(path.join(root, 'garbage'));
  writeFileSync(fileIn('garbage'), 'x'.repeat(10_000));
  await assert.rejects(opened(t, settingsIn('garbage')), { code: 'COORDINATOR_UNAVAILABLE' });
  await assert.rejects(opened(t, coordinatorSettings({ coordinator: 'local' })), {
    code: 'INVALID_ARGUMENT',
    message: /--coordinator-dir/,
  });
});
