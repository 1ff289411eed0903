import { type KeyObject, sign, verify } from 'node:crypto';
import * as v from 'valibot';
import { QuorateError } from '../../errors/interface.ts';
import type { Grant, Permission } from './permissions.ts';

/** Longest token that is looked at, in characters. */
const maxTokenLength = 8 * 1024;

const millisecondsPerSecond = 1_000;

/** What a token says; it is signed and not encrypted. */
export interface TokenClaims {
  readonly user: string;
  /** Of the user when the token was made: another one means that all tokens before it were ended. */
  readonly generation: string;
  readonly id: string;
  /** Node that made it. */
  readonly issuer: string;
  /** Milliseconds since 1970. */
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** What the token may do at most; undefined for all that its user may. */
  readonly scope: readonly Grant[] | undefined;
}

export interface SigningKey {
  readonly id: string;
  readonly privateKey: KeyObject;
}

const headerSchema = v.object({ alg: v.literal('EdDSA'), kid: v.string() });

const payloadSchema = v.object({
  iss: v.string(),
  sub: v.string(),
  gen: v.string(),
  jti: v.string(),
  iat: v.number(),
  exp: v.number(),
  scope: v.optional(
    v.array(v.object({ database: v.string(), permission: v.picklist(['read', 'write', 'admin', 'replication']) })),
  ),
});

function encode(part: unknown): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

function decode<Schema extends v.GenericSchema>(schema: Schema, part: string): v.InferOutput<Schema> {
  return v.parse(schema, JSON.parse(Buffer.from(part, 'base64url').toString()));
}

/**
 * Makes a JSON Web Token (RFC 7519) signed with Ed25519 (RFC 8037). Its times are in seconds with a fraction, as a
 * NumericDate may be; `gen` and `scope` are claims of Quorate.
 */
export function signToken(claims: TokenClaims, key: SigningKey): string {
  const payload = {
    iss: claims.issuer,
    sub: claims.user,
    gen: claims.generation,
    jti: claims.id,
    iat: claims.issuedAtMs / millisecondsPerSecond,
    exp: claims.expiresAtMs / millisecondsPerSecond,
    scope: claims.scope,
  };
  const signed = `${encode({ alg: 'EdDSA', typ: 'JWT', kid: key.id })}.${encode(payload)}`;
  return `${signed}.${sign(null, Buffer.from(signed), key.privateKey).toString('base64url')}`;
}

/**
 * What a token says, and the id of the key that has signed it.
 * @param publicKey finds a valid key
 * @throws QuorateError UNAUTHENTICATED for anything that was not signed with one of the keys
 */
export function readToken(
  token: string,
  publicKey: (id: string) => KeyObject | undefined,
): { readonly claims: TokenClaims; readonly keyId: string } {
  const [header = '', payload = '', signature = '', ...rest] = token.length > maxTokenLength ? [] : token.split('.');
  try {
    const { kid } = decode(headerSchema, header);
    const key = publicKey(kid);
    const signed = Buffer.from(`${header}.${payload}`);
    if (rest.length > 0 || key === undefined || !verify(null, signed, key, Buffer.from(signature, 'base64url'))) {
      throw new Error('no valid key has signed it');
    }
    return { claims: claimsOf(decode(payloadSchema, payload)), keyId: kid };
  } catch (cause) {
    throw invalidToken('the token was not issued by this server, or its key is not valid any more', cause);
  }
}

function claimsOf({ iss, sub, gen, jti, iat, exp, scope }: v.InferOutput<typeof payloadSchema>): TokenClaims {
  return {
    user: sub,
    generation: gen,
    id: jti,
    issuer: iss,
    issuedAtMs: Math.round(iat * millisecondsPerSecond),
    expiresAtMs: Math.round(exp * millisecondsPerSecond),
    scope: scope?.map(({ database, permission }) => ({ database, permission: permission as Permission })),
  };
}

/** The error for a token that is not, or no longer, good for anything. */
export function invalidToken(message: string, cause?: unknown): QuorateError {
  return new QuorateError('UNAUTHENTICATED', message, {
    cause,
    hint: 'Log in again with: quorate login USER, or ask for another token.',
  });
}
