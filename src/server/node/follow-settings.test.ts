import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DatabaseSettings } from '../../database/interface.ts';
import type { UpdateDatabaseRequest } from '../../proto/interface.ts';
import { changedSettings, checkDatabaseName, newSettings, resolveUpstream } from './follow-settings.ts';
import type { FollowRequest } from './node-options.ts';

const own = { host: '127.0.0.1', port: 4000 };
const nothing: FollowRequest = {
  role: '',
  enabled: false,
  host: '',
  port: 0,
  database: '',
  username: '',
  password: '',
};
const credentials = { username: 'admin', password: 'secret' };
const invalid = { code: 'INVALID_ARGUMENT' };

function settings(request: Partial<FollowRequest>, name = 'copy'): DatabaseSettings {
  return newSettings(name, { ...nothing, ...request }, own);
}

function changed(current: DatabaseSettings, change: Partial<UpdateDatabaseRequest>): DatabaseSettings {
  return changedSettings('copy', current, { database: 'copy', ...change }, own);
}

test('a database is a primary unless replication flags or its role say otherwise', () => {
  assert.equal(settings({}).role, 'primary');
  assert.equal(settings({}).term, 1);
  assert.equal(settings({ enabled: true, database: 'shop', ...credentials }).role, 'replica');
  assert.equal(settings({ database: 'shop', ...credentials }).role, 'replica');
  assert.deepEqual(settings({ role: 'replica' }).replication, { enabled: false });
  assert.throws(() => settings({ role: 'primary', enabled: true }), invalid);
  assert.throws(() => settings({ role: 'leader' }), invalid);
});

test('without a host the primary is this node, wherever it listens after its next start', () => {
  const { upstream } = settings({ enabled: true, database: 'shop', ...credentials }).replication;
  assert.deepEqual(resolveUpstream(upstream!, own), { ...credentials, ...own, database: 'shop' });
  assert.equal(resolveUpstream(upstream!, { host: '::1', port: 5000 }).port, 5000);
  assert.throws(() => resolveUpstream(upstream!, undefined), { code: 'UNAVAILABLE' });
});

test('a port of its own without a host is another server on this machine', () => {
  const { upstream } = settings({ enabled: true, port: 4001, ...credentials }).replication;
  assert.deepEqual(upstream, { ...credentials, host: '127.0.0.1', port: 4001, database: 'copy' });
});

test('a database cannot follow itself, nor anybody without credentials', () => {
  assert.throws(() => settings({ enabled: true, ...credentials }), invalid);
  assert.throws(() => settings({ enabled: true, ...own, ...credentials }), invalid);
  assert.throws(() => settings({ enabled: true, database: 'shop', username: 'admin' }), invalid);
  assert.throws(() => settings({ enabled: true, database: 'NO', ...credentials }), invalid);
});

test('an update changes what it names and keeps the rest', () => {
  const replica = settings({ enabled: true, host: '10.0.0.1', port: 4001, database: 'shop', ...credentials });
  const { replication } = changed(replica, { primaryPassword: 'other' });
  assert.deepEqual(replication.upstream, { ...replica.replication.upstream, password: 'other' });
  assert.equal(replication.enabled, true);
  const stopped = changed(replica, { replicationEnabled: false });
  assert.equal(stopped.role, 'replica');
  assert.deepEqual(stopped.replication, { ...replica.replication, enabled: false });
  assert.deepEqual(changed(stopped, { replicationEnabled: true }), replica);
  assert.equal(changed(replica, { primaryHost: '10.0.0.2' }).replication.upstream?.port, 3322);
});

test('a promoted database follows nobody and forgets the password, and can be made a replica again', () => {
  const replica = settings({ enabled: true, host: '10.0.0.1', database: 'shop', ...credentials });
  const promoted = changed(replica, { role: 'primary' });
  assert.deepEqual(promoted, { role: 'primary', term: 0, replication: { enabled: false }, acks: undefined });
  const flags = { primaryHost: '10.0.0.1', primaryUsername: 'admin', primaryPassword: 'secret' };
  assert.equal(changed(promoted, { replicationEnabled: true, ...flags }).role, 'replica');
  assert.throws(() => changed(replica, { role: 'primary', replicationEnabled: true }), invalid);
});

test('a replica keeps its delay until it is changed or promoted, and a primary takes none', () => {
  const replica = settings({ enabled: true, database: 'shop', ...credentials, delayMs: 5_000 });
  assert.equal(replica.replication.delayMs, 5_000);
  assert.equal(changed(replica, { primaryHost: '10.0.0.2' }).replication.delayMs, 5_000);
  assert.equal(changed(replica, { replicationDelayMs: 7_000 }).replication.delayMs, 7_000);
  assert.equal(changed(replica, { replicationDelayMs: 0 }).replication.delayMs, undefined);
  assert.equal(changed(replica, { role: 'primary' }).replication.delayMs, undefined);
  assert.throws(() => changed(replica, { role: 'primary', replicationDelayMs: 1 }), invalid);
  assert.throws(() => settings({ delayMs: 1 }), invalid);
});

test('a database of a followed server is its own as soon as a person says whom it follows', () => {
  const followed = settings({ enabled: true, host: '10.0.0.1', ...credentials, followed: 'aaaa' });
  assert.equal(changed(followed, { replicationDelayMs: 7_000 }).replication.followed, 'aaaa');
  for (const change of [{ role: 'primary' }, { primaryHost: '10.0.0.2' }, { replicationEnabled: false }]) {
    assert.equal(changed(followed, change).replication.followed, undefined);
  }
});

test('names are safe as folders and in commands', () => {
  for (const name of ['a', 'shop', '0-x_y', 'a'.repeat(63)]) {
    checkDatabaseName(name);
  }
  for (const name of ['', '-a', '_a', '.', '..', 'a/b', 'A', 'ä', 'a b', 'a\n', 'a'.repeat(64)]) {
    assert.throws(() => checkDatabaseName(name), invalid, name);
  }
});
