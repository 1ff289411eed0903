import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { AdminService, UsersService } from '../../src/proto/interface.ts';
import type { RandomSource } from '../random-source.ts';
import { fuzz } from './fuzz-loop.ts';
import { encoded, RawCalls } from './grpc-calls.ts';
import { mutatedText } from './mutations.ts';
import { WatchedServer } from './watched-server.ts';

const watched = await WatchedServer.start('--transaction-idle-timeout=300ms');
await watched.create('shop', 'CREATE TABLE t (a)');
const good = await watched.tokenOf('reader', 'read:shop');
const { httpUrl, port } = watched.server;

const other = await WatchedServer.start();
await other.create('shop', 'CREATE TABLE t (a)');
const ofOtherServer = await other.tokenOf('reader', 'read:shop');
const ownKey = generateKeyPairSync('ed25519').privateKey;

type Part = Readonly<Record<string, unknown>>;

function read(token: string): { readonly header: Part; readonly payload: Part; readonly signature: string } {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const part = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString()) as Part;
  return { header: part(header), payload: part(payload), signature };
}

const write = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');

function signed(header: unknown, payload: unknown, key: KeyObject): string {
  const text = `${write(header)}.${write(payload)}`;
  return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`;
}

const { header, payload, signature } = read(good);

/** What a forger would rather have in his token. */
function betterPayload(random: RandomSource): Part {
  return {
    ...payload,
    ...random.pick<Part>([
      { sub: 'admin' },
      { exp: 99_999_999_999, iat: 0 },
      { scope: [{ database: 'shop', permission: 'admin' }] },
      { scope: undefined, sub: 'admin', gen: '' },
      { iss: 'another node' },
      { gen: 'x', jti: 'x' },
      { sub: { toString: 'admin' }, exp: '9' },
      { ['__proto__']: { sub: 'admin' } },
    ]),
  };
}

/** Tokens that somebody without the key can make. */
function forged(random: RandomSource): string {
  const wanted = betterPayload(random);
  const text = `${write(header)}.${write(wanted)}`;
  const hmacKey = random.pick(['', String(header.kid), signature]);
  return random.pick([
    `${write({ ...header, alg: 'none' })}.${write(wanted)}.`,
    `${write({ ...header, alg: 'None' })}.${write(payload)}.${signature}`,
    `${text}.${signature}`,
    `${text}.${createHmac('sha256', hmacKey).update(text).digest('base64url')}`,
    signed(header, wanted, ownKey),
    signed({ ...header, jwk: { kty: 'OKP', crv: 'Ed25519', x: 'AA' } }, payload, ownKey),
    signed(
      { ...header, kid: random.pick(['', '../key', '__proto__', 'constructor', 'x'.repeat(500)]) },
      wanted,
      ownKey,
    ),
    ofOtherServer,
    `${write(header)}.${write(payload)}`,
    `${write(header)}.${write(payload)}.${'A'.repeat(86)}`,
    `${good}.${signature}`,
    good.slice(0, random.int(0, good.length - 2)),
    `${good}${'A'.repeat(random.int(1, 20_000))}`,
    mutatedText(random, good, [good, ofOtherServer, 'é', '🦊', '..', 'null']),
    'x'.repeat(random.int(0, 50_000)),
    random.pick(['..', 'null.null.null', 'e30.e30.e30', 'W10.W10.', '\u0000', 'undefined']),
  ]);
}

/** Whether the bytes mean the same token: letters that base64 does not look at make another text of it. */
function isGood(token: string): boolean {
  const parts = token.split('.');
  const decoded = (text = '') => Buffer.from(text, 'base64url').toString('hex');
  const [h, p] = good.split('.');
  return parts.length === 3 && parts[0] === h && parts[1] === p && decoded(parts[2]) === decoded(signature);
}

/** What can be sent as a header; the rest is refused by the client. */
function sendable(token: string): boolean {
  return /^[\x21-\x7e]*$/.test(token) && !isGood(token);
}

const { status } = AdminService;
const statusRequest = encoded(status, { database: 'shop' }) as Buffer;

async function assertRefused(raw: RawCalls, token: string): Promise<void> {
  const { code } = await raw.call(status, token, [statusRequest]);
  // Metadata that is too large ends the call before anybody looks at it.
  assert.match(code, /^UNAUTHENTICATED$|^status (8|13): .*(?:metadata|header|RST_STREAM|431)/i, token);
  const response = await fetch(`${httpUrl}/status`, { headers: { authorization: `Bearer ${token}` } });
  assert.ok([401, 431].includes(response.status), `${response.status} for ${token}`);
  const body = JSON.stringify({ requests: [{ type: 'execute', stmt: { sql: 'SELECT 1' } }] });
  const headers = { authorization: `Bearer ${token}` };
  const hrana = await fetch(`${httpUrl}/shop/v2/pipeline`, { method: 'POST', headers, body });
  assert.ok([401, 431].includes(hrana.status), `${hrana.status} for ${token}`);
}

test('no token that was forged or spoiled is accepted, and none is a defect', async () => {
  {
    using raw = new RawCalls(port);
    assert.equal((await raw.call(status, good, [statusRequest])).code, 'ok');
    await fuzz(
      'tokens',
      async (random) => {
        const token = forged(random);
        if (sendable(token)) {
          await assertRefused(raw, token);
        }
      },
      { atOnce: 4 },
    );
    assert.equal((await raw.call(status, good, [statusRequest])).code, 'ok');
  }
  await watched.check();
});

test('a token does no more than its scope, and nothing when it has expired', async () => {
  {
    using raw = new RawCalls(port);
    const { admin } = watched;
    const scope = [{ database: 'shop', permission: 'read' }];
    const scoped = await admin.users.createToken({ user: 'admin', scope, ttlMs: 1_000 });
    const call = async (name: keyof typeof UsersService | keyof typeof AdminService, message: object) => {
      const method = { ...AdminService, ...UsersService }[name];
      return (await raw.call(method, scoped.token, [encoded(method, message) as Buffer])).code;
    };
    assert.equal(await call('status', { database: 'shop' }), 'ok');
    assert.equal(await call('status', { database: 'bystander' }), 'PERMISSION_DENIED');
    assert.equal(await call('deleteDatabase', { database: 'shop' }), 'PERMISSION_DENIED');
    assert.equal(await call('createToken', { user: 'admin' }), 'PERMISSION_DENIED');
    assert.equal(await call('listUsers', {}), 'PERMISSION_DENIED');
    while (Date.now() <= scoped.expiresAtMs) {
      await sleep(20);
    }
    assert.equal(await call('status', { database: 'shop' }), 'UNAUTHENTICATED');
    const extended = { ...read(scoped.token).payload, exp: Date.now() };
    const [head] = scoped.token.split('.');
    await assertRefused(raw, `${head}.${write(extended)}.${read(scoped.token).signature}`);
  }
  await watched.check();
  await other.check();
});
