import type { KeyObject } from 'node:crypto';
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../runtime/interface.ts';
import type { Login } from './authenticator.ts';
import { invalidToken, readToken, signToken, type TokenClaims } from './json-web-token.ts';
import type { Grant } from './permissions.ts';
import type { TokenKeys } from './token-keys.ts';
import type { StoredUser, UserSource } from './user-directory.ts';

/** Tokens whose signature was checked already and need no other check of it; the oldest are forgotten. */
const maxVerifiedTokens = 10_000;

export interface TokenRegistryOptions {
  readonly keys: TokenKeys;
  readonly users: UserSource;
  readonly clock: Clock;
  readonly nodeId: string;
  /** Milliseconds for which a token is valid at most, whatever it says. */
  readonly maxTtlMs: number;
}

/**
 * Makes tokens with the key of this node, and verifies those that any node with the same `systemdb` has made, as long as
 * its public key is there. A node always accepts its own: one that replicates `systemdb` cannot publish its key there.
 */
export class TokenRegistry {
  readonly #options: TokenRegistryOptions;
  readonly #verified = new Map<string, { readonly claims: TokenClaims; readonly keyId: string }>();

  constructor(options: TokenRegistryOptions) {
    this.#options = options;
  }

  issue(user: StoredUser, ttlMs: number, scope?: readonly Grant[]): Login {
    const { keys, clock, nodeId } = this.#options;
    const issuedAtMs = Math.floor(clock.nowMs());
    const claims: TokenClaims = {
      user: user.name,
      generation: user.tokenGeneration,
      id: randomUUID(),
      issuer: nodeId,
      issuedAtMs,
      expiresAtMs: issuedAtMs + ttlMs,
      scope,
    };
    return { token: signToken(claims, keys.signing), id: claims.id, expiresAtMs: claims.expiresAtMs };
  }

  /** What a token says that has not expired. @throws QuorateError UNAUTHENTICATED, UNAVAILABLE */
  verify(token: string): TokenClaims {
    const { claims } = this.#signed(token);
    const { clock, maxTtlMs } = this.#options;
    // As long, and no longer, it is remembered that a token was revoked.
    if (Math.min(claims.expiresAtMs, claims.issuedAtMs + maxTtlMs) <= clock.nowMs()) {
      throw invalidToken('the token has expired');
    }
    return claims;
  }

  /**
   * The user of a token that nothing has ended since it was made; its expiry is not looked at.
   * @throws QuorateError UNAUTHENTICATED, UNAVAILABLE
   */
  holder({ user: name, generation, id }: TokenClaims): StoredUser {
    const { users, revokedTokens } = this.#options.users.current();
    const user = users.get(name);
    if (user === undefined || !user.isActive) {
      throw invalidToken(user === undefined ? `there is no user ${name} any more` : `the user ${name} is not active`);
    }
    if (user.tokenGeneration !== generation || revokedTokens.has(id)) {
      throw invalidToken('the token was revoked');
    }
    return user;
  }

  #signed(token: string): { readonly claims: TokenClaims; readonly keyId: string } {
    const known = this.#verified.get(token);
    if (known !== undefined && this.#publicKey(known.keyId) !== undefined) {
      return known;
    }
    const signed = readToken(token, (id) => this.#publicKey(id));
    this.#verified.set(token, signed);
    for (const oldest of this.#verified.keys()) {
      if (this.#verified.size <= maxVerifiedTokens) {
        break;
      }
      this.#verified.delete(oldest);
    }
    return signed;
  }

  #publicKey(id: string): KeyObject | undefined {
    const { keys, users, clock } = this.#options;
    const own = keys.publicKey(id);
    if (own !== undefined) {
      return own;
    }
    const published = users.current().keys.get(id);
    const isValid = (published?.validUntilMs ?? Infinity) > clock.nowMs();
    return isValid ? published?.publicKey : undefined;
  }
}
