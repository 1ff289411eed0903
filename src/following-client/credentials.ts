import { QuorateError } from '../errors/interface.ts';
import { requestJson } from './http-json.ts';

export interface CredentialsOptions {
  readonly token?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly ca?: string | undefined;
  readonly timeoutMs: number;
}

/** Gives the token that each node wants: the one that was given, or one for which it logs in there. */
export class Credentials {
  readonly #options: CredentialsOptions;
  readonly #tokens = new Map<string, Promise<string>>();

  /** @throws QuorateError INVALID_ARGUMENT when there are neither a token nor a user and a password */
  constructor(options: CredentialsOptions) {
    const { token, user, password } = options;
    if (token === undefined && (user === undefined || password === undefined)) {
      throw new QuorateError('INVALID_ARGUMENT', 'connect needs a token, or a user and a password');
    }
    this.#options = options;
  }

  /** Whether a token that is refused can be replaced by another one. */
  get canLogIn(): boolean {
    return this.#options.token === undefined;
  }

  /** @throws QuorateError UNAUTHENTICATED, UNAVAILABLE, OVERLOADED */
  async tokenFor(url: string): Promise<string> {
    if (this.#options.token !== undefined) {
      return this.#options.token;
    }
    const known = this.#tokens.get(url) ?? this.#logIn(url);
    this.#tokens.set(url, known);
    try {
      return await known;
    } catch (error) {
      this.forget(url);
      throw error;
    }
  }

  forget(url: string): void {
    this.#tokens.delete(url);
  }

  async #logIn(url: string): Promise<string> {
    const { user, password, ca, timeoutMs } = this.#options;
    const body = { user, password };
    const answer = await requestJson({ url: new URL('/v1/login', url), body, ca, timeoutMs });
    const { token } = answer as { readonly token?: unknown };
    if (typeof token !== 'string') {
      throw new QuorateError('PROTOCOL_ERROR', `${url} answered a login without a token`);
    }
    return token;
  }
}
