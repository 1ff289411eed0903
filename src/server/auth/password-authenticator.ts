import { QuorateError } from '../../errors/interface.ts';
import type { Runtime } from '../../runtime/interface.ts';
import type { Authenticator, Identity, Login } from './authenticator.ts';
import { type ClusterUsers, clusterUserName } from './cluster-user.ts';
import { LoginLimiter } from './login-limiter.ts';
import { hashPassword, verifyPassword } from './password-hash.ts';
import { TokenIdentity } from './token-identity.ts';
import type { TokenRegistry } from './token-registry.ts';
import type { StoredUser } from './user-directory.ts';

/** Logins that may wait for or be inside the slow hash at once; each takes 32 MiB and some 60 ms of a core. */
export const maxConcurrentLogins = 16;

export interface PasswordAuthenticatorOptions {
  readonly users: ClusterUsers;
  readonly tokens: TokenRegistry;
  readonly runtime: Runtime;
  /** Milliseconds that the token of a login is valid. */
  readonly tokenTtlMs: number;
}

/** Checks passwords against the stored slow hashes, issues tokens for them, and knows whose a token is. */
export class PasswordAuthenticator implements Authenticator {
  readonly #options: PasswordAuthenticatorOptions;
  readonly #limiter: LoginLimiter;
  #running = 0;
  #decoyHash: Promise<string> | undefined;

  constructor(options: PasswordAuthenticatorOptions) {
    this.#options = options;
    this.#limiter = new LoginLimiter(options.runtime.clock);
  }

  /** Logins that are being checked, and addresses and users of which failures are remembered. */
  usage(): { readonly logins: number; readonly limiterKeys: number } {
    return { logins: this.#running, limiterKeys: this.#limiter.size };
  }

  async login(user: string, password: string, address: string): Promise<Login> {
    const stored = await this.checkPassword(user, password, address);
    return this.#options.tokens.issue(stored, this.#options.tokenTtlMs);
  }

  authenticate(authorization: string | undefined): Identity {
    const [, token] = /^Bearer +([^ ]+)$/i.exec(authorization ?? '') ?? [];
    if (token === undefined) {
      throw new QuorateError('UNAUTHENTICATED', 'the request carries no token', {
        hint: 'Log in first (quorate login USER), and send the token as "authorization: Bearer TOKEN".',
      });
    }
    const { tokens } = this.#options;
    const claims = tokens.verify(token);
    tokens.holder(claims);
    return new TokenIdentity(claims, tokens);
  }

  /** The active user of that name and password. @throws QuorateError UNAUTHENTICATED, OVERLOADED, UNAVAILABLE */
  async checkPassword(user: string, password: string, address: string): Promise<StoredUser> {
    this.#limiter.check(user, address);
    if (this.#running >= maxConcurrentLogins) {
      throw new QuorateError('OVERLOADED', `${maxConcurrentLogins} logins are being checked already`);
    }
    this.#running += 1;
    try {
      const stored = await this.#match(user, password);
      if (stored === undefined) {
        this.#limiter.failed(user, address);
        throw new QuorateError('UNAUTHENTICATED', 'the user name or the password is wrong');
      }
      this.#limiter.succeeded(user, address);
      return stored;
    } finally {
      this.#running -= 1;
    }
  }

  /** An unknown user takes as long as a known one, so that names cannot be found out by the clock. */
  async #match(user: string, password: string): Promise<StoredUser | undefined> {
    const { users, runtime } = this.#options;
    if (user === clusterUserName) {
      return users.match(password);
    }
    const known = users.current().users;
    if ([...known.keys()].every((name) => name === clusterUserName)) {
      throw new QuorateError('UNAVAILABLE', 'this server has no users yet', {
        hint: 'It is starting for the first time. Try again in a moment.',
      });
    }
    const stored = known.get(user);
    this.#decoyHash ??= hashPassword('', (size) => runtime.random.bytes(size));
    const matches = await verifyPassword(password, stored?.passwordHash ?? (await this.#decoyHash));
    return matches && stored?.isActive === true ? stored : undefined;
  }
}
