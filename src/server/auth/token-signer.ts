import { createHmac, timingSafeEqual } from 'node:crypto';
import { QuorateError } from '../../errors/interface.ts';
import type { Runtime } from '../../runtime/interface.ts';

const keyBytes = 32;

/** What a token says; it is signed and not encrypted. */
interface TokenClaims {
  readonly user: string;
  readonly isAdmin: boolean;
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number;
}

function unauthenticated(message: string): QuorateError {
  return new QuorateError('UNAUTHENTICATED', message, { hint: 'Log in again, with: quorate login USER' });
}

/** Makes and checks tokens of the form `base64url(claims).base64url(HMAC-SHA256)`, with a key that only this node has. */
export class TokenSigner {
  readonly #key: Uint8Array;
  readonly #runtime: Runtime;

  private constructor(key: Uint8Array, runtime: Runtime) {
    this.#key = key;
    this.#runtime = runtime;
  }

  /** Reads the key file, or makes one that only its owner can read. Deleting it ends the validity of all tokens. */
  static open(keyPath: string, runtime: Runtime): TokenSigner {
    if (!runtime.files.existsSync(keyPath)) {
      runtime.files.writeFileAtomicSync(keyPath, runtime.random.bytes(keyBytes), 0o600);
    }
    const key = runtime.files.readFileSync(keyPath);
    if (key.length !== keyBytes) {
      throw new QuorateError('INVALID_ARGUMENT', `${keyPath} is not a key of ${keyBytes} bytes`, {
        hint: 'Delete the file; a new key is made, and everybody logs in again.',
      });
    }
    return new TokenSigner(key, runtime);
  }

  sign(claims: TokenClaims): string {
    const body = Buffer.from(JSON.stringify(claims)).toString('base64url');
    return `${body}.${this.#signatureOf(body).toString('base64url')}`;
  }

  /** @throws QuorateError UNAUTHENTICATED when the token was not made by this node or has expired */
  verify(token: string): TokenClaims {
    const [body = '', signature = ''] = token.split('.');
    const expected = this.#signatureOf(body);
    const found = Buffer.from(signature, 'base64url');
    if (found.length !== expected.length || !timingSafeEqual(found, expected)) {
      throw unauthenticated('the token was not issued by this server');
    }
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as TokenClaims;
    if (claims.expiresAtMs <= this.#runtime.clock.nowMs()) {
      throw unauthenticated('the token has expired');
    }
    return claims;
  }

  #signatureOf(body: string): Buffer {
    return createHmac('sha256', this.#key).update(body).digest();
  }
}
