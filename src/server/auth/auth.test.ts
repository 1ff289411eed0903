import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { isQuorateError } from '../../errors/interface.ts';
import { createNodeRuntime, type Runtime } from '../../runtime/interface.ts';
import { PasswordAuthenticator } from './password-authenticator.ts';
import { hashPassword, verifyPassword } from './password-hash.ts';
import { TokenSigner } from './token-signer.ts';
import type { UserStore } from './user-store.ts';

function fixture(t: { after(action: () => void): void }) {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'quorate-auth-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const time = { nowMs: 1_800_000_000_000 };
  const runtime: Runtime = {
    ...createNodeRuntime(),
    clock: { nowMs: () => time.nowMs, monotonicMs: () => time.nowMs },
  };
  return { runtime, time, keyPath: path.join(directory, 'token.key') };
}

const code = (expected: string) => (error: unknown) => isQuorateError(error) && error.code === expected;

async function authenticator(runtime: Runtime, keyPath: string) {
  const passwordHash = await hashPassword('correct horse', (size) => runtime.random.bytes(size));
  const users: UserStore = {
    find: (name) => Promise.resolve(name === 'admin' ? { name, passwordHash, isAdmin: true } : undefined),
  };
  const tokens = TokenSigner.open(keyPath, runtime);
  return new PasswordAuthenticator({ users, tokens, runtime, tokenTtlMs: 60_000 });
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
  const auth = await authenticator(runtime, keyPath);
  const { token, expiresAtMs } = await auth.login('admin', 'correct horse', '127.0.0.1');
  assert.equal(expiresAtMs, time.nowMs + 60_000);
  assert.deepEqual(auth.verify(token), { user: 'admin', isAdmin: true });
  time.nowMs += 60_001;
  assert.throws(() => auth.verify(token), code('UNAUTHENTICATED'));
});

test('no token, a changed token and a token of another node are refused', async (t) => {
  const { runtime, keyPath } = fixture(t);
  const auth = await authenticator(runtime, keyPath);
  const { token } = await auth.login('admin', 'correct horse', '127.0.0.1');
  const [body = '', signature] = token.split('.');
  const forged = Buffer.from(Buffer.from(body, 'base64url').toString().replace('admin', 'other')).toString('base64url');
  const stranger = (await authenticator(runtime, `${keyPath}2`)).login('admin', 'correct horse', '127.0.0.1');
  for (const bad of [undefined, '', 'x', '.', `${forged}.${signature}`, (await stranger).token]) {
    assert.throws(() => auth.verify(bad), code('UNAUTHENTICATED'));
  }
});

test('tokens outlive a restart of the node, and their key is readable by its owner only', async (t) => {
  const { runtime, keyPath } = fixture(t);
  const { token } = await (await authenticator(runtime, keyPath)).login('admin', 'correct horse', '::1');
  assert.equal((await authenticator(runtime, keyPath)).verify(token).user, 'admin');
  assert.equal(statSync(keyPath).mode & 0o777, 0o600);
});

test('a wrong password and an unknown user get the same answer', async (t) => {
  const { runtime, keyPath } = fixture(t);
  const auth = await authenticator(runtime, keyPath);
  const wrong = await auth.login('admin', 'wrong', '127.0.0.1').catch((error: Error) => error.message);
  const unknown = await auth.login('nobody', 'correct horse', '127.0.0.1').catch((error: Error) => error.message);
  assert.equal(wrong, unknown);
  await assert.rejects(auth.login('nobody', '', '127.0.0.1'), code('UNAUTHENTICATED'));
});

test('guessing is slowed down at one address and does not lock the user out at another', async (t) => {
  const { runtime, time, keyPath } = fixture(t);
  const auth = await authenticator(runtime, keyPath);
  for (let attempt = 0; attempt < 5; attempt += 1) {
    await assert.rejects(auth.login('admin', `guess ${attempt}`, '10.0.0.9'), code('UNAUTHENTICATED'));
  }
  await assert.rejects(auth.login('admin', 'correct horse', '10.0.0.9'), code('OVERLOADED'));
  assert.ok((await auth.login('admin', 'correct horse', '10.0.0.1')).token);
  time.nowMs += 60_001;
  assert.ok((await auth.login('admin', 'correct horse', '10.0.0.9')).token);
});
