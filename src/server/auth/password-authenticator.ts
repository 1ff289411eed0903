import { QuorateError } from '../../errors/interface.ts';
import type { Runtime } from '../../runtime/interface.ts';
import type { Authenticator, Login, Principal } from './authenticator.ts';
import { LoginLimiter } from './login-limiter.ts';
import { hashPassword, verifyPassword } from './password-hash.ts';
import type { TokenSigner } from './token-signer.ts';
import type { StoredUser, UserStore } from './user-store.ts';

/** Logins that may wait for or be inside the slow hash at once; each takes 32 MiB and some 60 ms of a core. */
const maxConcurrentLogins = 16;

export interface PasswordAuthenticatorOptions {
  readonly users: UserStore;
  readonly tokens: TokenSigner;
  readonly runtime: Runtime;
  /** Milliseconds that a token is valid. */
  readonly tokenTtlMs: number;
}

/** Checks passwords against the stored slow hashes and issues tokens. */
export class PasswordAuthenticator implements Authenticator {
  readonly #options: PasswordAuthenticatorOptions;
  readonly #limiter: LoginLimiter;
  #running = 0;
  #decoyHash: Promise<string> | undefined;

  constructor(options: PasswordAuthenticatorOptions) {
    this.#options = options;
    this.#limiter = new LoginLimiter(options.runtime.clock);
  }

  async login(user: string, password: string, address: string): Promise<Login> {
    this.#limiter.check(user, address);
    if (this.#running >= maxConcurrentLogins) {
      throw new QuorateError('OVERLOADED', `${maxConcurrentLogins} logins are being checked already`);
    }
    this.#running += 1;
    try {
      const stored = await this.#authenticate(user, password);
      if (stored === undefined) {
        this.#limiter.failed(user, address);
        throw new QuorateError('UNAUTHENTICATED', 'the user name or the password is wrong');
      }
      this.#limiter.succeeded(user, address);
      return this.#issue(stored);
    } finally {
      this.#running -= 1;
    }
  }

  verify(token: string | undefined): Principal {
    if (token === undefined) {
      throw new QuorateError('UNAUTHENTICATED', 'the request carries no token', {
        hint: 'Log in first (quorate login USER), and send the token as "authorization: Bearer TOKEN".',
      });
    }
    const { user, isAdmin } = this.#options.tokens.verify(token);
    return { user, isAdmin };
  }

  /** An unknown user takes as long as a known one, so that names cannot be found out by the clock. */
  async #authenticate(user: string, password: string): Promise<StoredUser | undefined> {
    const stored = await this.#options.users.find(user);
    const { random } = this.#options.runtime;
    this.#decoyHash ??= hashPassword('', (size) => random.bytes(size));
    const matches = await verifyPassword(password, stored?.passwordHash ?? (await this.#decoyHash));
    return matches ? stored : undefined;
  }

  #issue({ name, isAdmin }: StoredUser): Login {
    const { clock } = this.#options.runtime;
    const expiresAtMs = clock.nowMs() + this.#options.tokenTtlMs;
    return { token: this.#options.tokens.sign({ user: name, isAdmin, expiresAtMs }), expiresAtMs };
  }
}
