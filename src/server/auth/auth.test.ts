import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { isQuorateError } from '../../errors/interface.ts';
import { createNodeRuntime, type Runtime } from '../../runtime/interface.ts';
import { ClusterUsers } from './cluster-user.ts';
import { maxConcurrentLogins, PasswordAuthenticator } from './password-authenticator.ts';
import { hashPassword, verifyPassword } from './password-hash.ts';
import type { Grant } from './permissions.ts';
import { publicKeyOf, TokenKeys } from './token-keys.ts';
import { TokenRegistry } from './token-registry.ts';
import type { StoredKey, StoredUser } from './user-directory.ts';

const dayMs = 24 * 60 * 60 * 1000;

function fixture(t: { after(action: () => void): void }) {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'quorate-auth-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const time = { nowMs: 1_800_000_000_000 };
  const runtime: Runtime = {
    ...createNodeRuntime(),
    clock: { nowMs: () => time.nowMs, monotonicMs: () => time.nowMs },
  };
  return { runtime, time, keyPath: path.join(directory, 'token-keys.json') };
}

const code = (expected: string) => (error: unknown) => isQuorateError(error) && error.code === expected;

/** A node whose users a test changes in memory. */
async function authenticator(runtime: Runtime, keyPath: string, change: Partial<StoredUser> = {}) {
  const passwordHash = await hashPassword('correct horse', (size) => runtime.random.bytes(size));
  const admin: StoredUser = {
    name: 'admin',
    passwordHash,
    isSysadmin: true,
    isActive: true,
    tokenGeneration: 'one',
    createdAtMs: 0,
    grants: [],
    ...change,
  };
  const stored = {
    users: new Map([['admin', admin]]),
    keys: new Map<string, StoredKey>(),
    revokedTokens: new Set<string>(),
  };
  const users = { current: () => stored };
  const keys = TokenKeys.open(keyPath, runtime);
  const tokens = new TokenRegistry({ keys, users, clock: runtime.clock, nodeId: 'here', maxTtlMs: 10 * dayMs });
  const auth = new PasswordAuthenticator({
    users: new ClusterUsers(users, undefined),
    tokens,
    runtime,
    tokenTtlMs: 60_000,
  });
  const update = (fields: Partial<StoredUser>) =>
    stored.users.set('admin', { ...(stored.users.get('admin') as StoredUser), ...fields });
  const login = async () => (await auth.login('admin', 'correct horse', '127.0.0.1')).token;
  const whose = (token: string) => auth.authenticate(`Bearer ${token}`);
  return { auth, keys, tokens, stored, update, login, whose, admin };
}

test('a stored hash accepts its password only, and two hashes of one password differ', async (t) => {
  const { runtime } = fixture(t);
  const hash = () => hashPassword('pässword', (size) => runtime.random.bytes(size));
  const first = await hash();
  assert.equal(await verifyPassword('pässword', first), true);
  assert.equal(await verifyPassword('password', first), false);
  assert.equal(await verifyPassword('', first), false);
  assert.notEqual(first, await hash());
});

test('a token tells its user until it expires', async (t) => {
  const { runtime, time, keyPath } = fixture(t);
  const { auth, whose } = await authenticator(runtime, keyPath);
  const { token, expiresAtMs } = await auth.login('admin', 'correct horse', '127.0.0.1');
  assert.equal(expiresAtMs, time.nowMs + 60_000);
  const identity = whose(token);
  assert.deepEqual([identity.user, identity.isSysadmin], ['admin', true]);
  time.nowMs += 60_000;
  assert.throws(() => whose(token), code('UNAUTHENTICATED'));
  assert.equal(identity.may('shop', 'write'), true);
});

test('a server that has no users yet refuses no password, and asks for another attempt', async (t) => {
  const { runtime, keyPath } = fixture(t);
  const { auth, stored, admin, login } = await authenticator(runtime, keyPath);
  stored.users.clear();
  for (let attempt = 0; attempt < 10; attempt += 1) {
    await assert.rejects(auth.login('admin', 'correct horse', '127.0.0.1'), code('UNAVAILABLE'));
  }
  stored.users.set('admin', admin);
  await login();
});

test('no token outlives the longest time that the options allow now', async (t) => {
  const { runtime, time, keyPath } = fixture(t);
  const { tokens, admin, whose } = await authenticator(runtime, keyPath);
  const { token } = tokens.issue(admin, 365 * dayMs);
  time.nowMs += 10 * dayMs - 1;
  assert.equal(whose(token).user, 'admin');
  time.nowMs += 1;
  assert.throws(() => whose(token), code('UNAUTHENTICATED'));
});

/** The token with other claims and the signature that it had. */
function forge(token: string, part: number, change: (fields: Record<string, unknown>) => object): string {
  const parts = token.split('.');
  const fields = JSON.parse(Buffer.from(parts[part] ?? '', 'base64url').toString());
  parts[part] = Buffer.from(JSON.stringify(change(fields))).toString('base64url');
  return parts.join('.');
}

test('no token, a changed token, one without a signature and one of another node are refused', async (t) => {
  const { runtime, keyPath } = fixture(t);
  const { auth, login } = await authenticator(runtime, keyPath);
  const token = await login();
  const stranger = await authenticator(runtime, `${keyPath}2`);
  const bad = [
    '',
    'x',
    '..',
    forge(token, 1, (claims) => ({ ...claims, sub: 'other' })),
    forge(token, 1, (claims) => ({ ...claims, exp: 9_999_999_999 })),
    forge(token, 0, (header) => ({ ...header, alg: 'none' })),
    forge(token, 0, (header) => ({ ...header, alg: 'HS256' })),
    token.replace(/[^.]*$/, ''),
    `${token}.`,
    `${token}x`,
    'x'.repeat(1_000_000),
    await stranger.login(),
  ];
  for (const header of [undefined, token, `Basic ${token}`, ...bad.map((text) => `Bearer ${text}`)]) {
    assert.throws(() => auth.authenticate(header), code('UNAUTHENTICATED'), header?.slice(0, 100));
  }
  assert.equal(auth.authenticate(`bearer ${token}`).user, 'admin');
});

test('whatever is done to a token, it is refused as one, or still says the same', async (t) => {
  const { runtime, keyPath } = fixture(t);
  const { auth, login } = await authenticator(runtime, keyPath);
  const token = await login();
  const garbage = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.base64String(), fc.constant('.'));
  const place = fc.nat(token.length);
  fc.assert(
    fc.property(place, place, garbage, (from, length, text) => {
      const changed = token.slice(0, from) + text + token.slice(from + length);
      try {
        assert.equal(auth.authenticate(`Bearer ${changed}`).user, 'admin');
        const [header, payload] = changed.split('.');
        assert.deepEqual([header, payload], token.split('.').slice(0, 2));
      } catch (error) {
        assert.ok(isQuorateError(error) && error.code === 'UNAUTHENTICATED', String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});

test('tokens outlive a restart of the node, and its keys are readable by their owner only', async (t) => {
  const { runtime, keyPath } = fixture(t);
  const token = await (await authenticator(runtime, keyPath)).login();
  assert.equal((await authenticator(runtime, keyPath)).whose(token).user, 'admin');
  assert.equal(statSync(keyPath).mode & 0o777, 0o600);
});

test('a node accepts the tokens of another one whose public key it has, until that key ends', async (t) => {
  const { runtime, time, keyPath } = fixture(t);
  const primary = await authenticator(runtime, keyPath);
  const replica = await authenticator(runtime, `${keyPath}2`);
  const token = await primary.login();
  const [key] = primary.keys.valid;
  assert.ok(key);
  const published = { publicKey: publicKeyOf(key), nodeId: 'there', validUntilMs: time.nowMs + 10_000 };
  replica.stored.keys.set(key.id, published);
  assert.equal(replica.whose(token).user, 'admin');
  time.nowMs += 10_000;
  assert.throws(() => replica.whose(token), code('UNAUTHENTICATED'));
});

test('after a rotation new tokens have a new key, and old ones are valid for the time of grace', async (t) => {
  const { runtime, time, keyPath } = fixture(t);
  const { keys, tokens, admin, whose } = await authenticator(runtime, keyPath);
  const make = () => tokens.issue(admin, dayMs).token;
  const [old, before] = [make(), keys.signing.id];
  keys.rotate(10_000);
  const next = make();
  assert.notEqual(keys.signing.id, before);
  assert.deepEqual([whose(old).user, whose(next).user], ['admin', 'admin']);
  time.nowMs += 10_000;
  assert.throws(() => whose(old), code('UNAUTHENTICATED'));
  keys.rotate(0);
  assert.throws(() => whose(next), code('UNAUTHENTICATED'));
  assert.equal(whose(make()).user, 'admin');
});

test('a node keeps a bounded number of keys', async (t) => {
  const { runtime, keyPath } = fixture(t);
  const { keys } = await authenticator(runtime, keyPath);
  for (let count = 1; count < 16; count += 1) {
    keys.rotate(dayMs);
  }
  assert.throws(() => keys.rotate(dayMs), code('OVERLOADED'));
  keys.rotate(0);
  assert.equal(keys.valid.length, 1);
});

test('a token ends when it is revoked, with all of its user, and when the user is not active or gone', async (t) => {
  const { runtime, keyPath } = fixture(t);
  const node = await authenticator(runtime, keyPath);
  const refused = (token: string) => assert.throws(() => node.whose(token), code('UNAUTHENTICATED'));
  const [one, two] = [await node.login(), await node.login()];
  const identity = node.whose(one);
  node.stored.revokedTokens.add(identity.tokenId);
  refused(one);
  assert.equal(identity.may('shop', 'read'), false);
  assert.throws(() => identity.require('shop', 'read'), code('UNAUTHENTICATED'));
  node.update({ isActive: false });
  refused(two);
  await assert.rejects(node.login(), code('UNAUTHENTICATED'));
  node.update({ isActive: true });
  assert.equal(node.whose(two).user, 'admin');
  node.update({ tokenGeneration: 'two' });
  refused(two);
  const three = await node.login();
  node.stored.users.delete('admin');
  refused(three);
});

const permissions = ['read', 'write', 'admin', 'replication'] as const;

const held: readonly (readonly [Grant, string])[] = [
  [{ database: 'shop', permission: 'read' }, 'shop:read'],
  [{ database: 'shop', permission: 'write' }, 'shop:read shop:write'],
  [{ database: 'shop', permission: 'admin' }, 'shop:read shop:write shop:admin shop:replication'],
  [{ database: 'shop', permission: 'replication' }, 'shop:replication'],
  [{ database: '*', permission: 'read' }, 'shop:read stock:read *:read'],
  [{ database: 'systemdb', permission: 'replication' }, 'systemdb:replication'],
];

test('each permission contains what it says, on its database only, and * is every one but systemdb', async (t) => {
  const { runtime, keyPath } = fixture(t);
  const node = await authenticator(runtime, keyPath, { isSysadmin: false });
  const identity = node.whose(await node.login());
  for (const [grant, expected] of held) {
    node.update({ grants: [grant] });
    const found = ['shop', 'stock', 'systemdb', '*'].flatMap((database) =>
      permissions.filter((permission) => identity.may(database, permission)).map((name) => `${database}:${name}`),
    );
    assert.equal(found.join(' '), expected);
    assert.equal(identity.isSysadmin, false);
  }
});

test('a token with a scope may what both its user and the scope allow, and is no super-admin', async (t) => {
  const { runtime, keyPath } = fixture(t);
  const node = await authenticator(runtime, keyPath);
  const scope: Grant[] = [{ database: 'shop', permission: 'write' }];
  const identity = node.whose(node.tokens.issue(node.admin, dayMs, scope).token);
  assert.deepEqual(
    [identity.may('shop', 'write'), identity.may('shop', 'admin'), identity.may('stock', 'read'), identity.isSysadmin],
    [true, false, false, false],
  );
  assert.throws(() => identity.requireSysadmin(), code('PERMISSION_DENIED'));
  node.update({ isSysadmin: false, grants: [{ database: 'shop', permission: 'read' }] });
  assert.deepEqual([identity.may('shop', 'read'), identity.may('shop', 'write')], [true, false]);
});

test('a wrong password and an unknown user get the same answer', async (t) => {
  const { runtime, keyPath } = fixture(t);
  const { auth } = await authenticator(runtime, keyPath);
  const wrong = await auth.login('admin', 'wrong', '127.0.0.1').catch((error: Error) => error.message);
  const unknown = await auth.login('nobody', 'correct horse', '127.0.0.1').catch((error: Error) => error.message);
  assert.equal(wrong, unknown);
  await assert.rejects(auth.login('nobody', '', '127.0.0.1'), code('UNAUTHENTICATED'));
});

test('of too many logins at once one is refused, and the others go on', async (t) => {
  const { runtime, keyPath } = fixture(t);
  const { auth } = await authenticator(runtime, keyPath);
  const logins = Array.from({ length: maxConcurrentLogins + 1 }, () =>
    auth.login('admin', 'correct horse', '10.0.0.9'),
  );
  const outcomes = await Promise.allSettled(logins);
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, maxConcurrentLogins);
  await assert.rejects(logins.at(-1) as Promise<unknown>, code('OVERLOADED'));
});

test('guessing is slowed down at one address and does not lock the user out at another', async (t) => {
  const { runtime, time, keyPath } = fixture(t);
  const { auth } = await authenticator(runtime, keyPath);
  for (let attempt = 0; attempt < 5; attempt += 1) {
    await assert.rejects(auth.login('admin', `guess ${attempt}`, '10.0.0.9'), code('UNAUTHENTICATED'));
  }
  await assert.rejects(auth.login('admin', 'correct horse', '10.0.0.9'), code('OVERLOADED'));
  assert.ok((await auth.login('admin', 'correct horse', '10.0.0.1')).token);
  time.nowMs += 60_001;
  assert.ok((await auth.login('admin', 'correct horse', '10.0.0.9')).token);
});
