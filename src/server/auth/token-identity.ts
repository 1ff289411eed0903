import { isQuorateError, QuorateError } from '../../errors/interface.ts';
import type { Identity } from './authenticator.ts';
import type { TokenClaims } from './json-web-token.ts';
import { allows, everyDatabase, type Permission } from './permissions.ts';
import type { TokenRegistry } from './token-registry.ts';
import type { StoredUser } from './user-directory.ts';

/** The holder of a token. */
export class TokenIdentity implements Identity {
  readonly #claims: TokenClaims;
  readonly #tokens: Pick<TokenRegistry, 'holder'>;

  constructor(claims: TokenClaims, tokens: Pick<TokenRegistry, 'holder'>) {
    this.#claims = claims;
    this.#tokens = tokens;
  }

  get user(): string {
    return this.#claims.user;
  }

  get tokenId(): string {
    return this.#claims.id;
  }

  get isUnscoped(): boolean {
    return this.#claims.scope === undefined;
  }

  get isSysadmin(): boolean {
    return passes(() => this.requireSysadmin());
  }

  may(database: string, permission: Permission): boolean {
    return passes(() => this.require(database, permission));
  }

  require(database: string, permission: Permission): void {
    const holder = this.#tokens.holder(this.#claims);
    if (this.#isInScope(database, permission) && mayUser(holder, database, permission)) {
      return;
    }
    const where = database === everyDatabase ? 'every database' : `database ${database}`;
    throw this.#denied(`${permission} permission on ${where}`, [permission, database].join(' '));
  }

  requireSysadmin(): void {
    if (!this.#tokens.holder(this.#claims).isSysadmin || !this.isUnscoped) {
      throw this.#denied('sysadmin permission on this server', 'sysadmin');
    }
  }

  #isInScope(database: string, permission: Permission): boolean {
    const { scope } = this.#claims;
    return scope === undefined || allows(scope, database, permission);
  }

  #denied(what: string, grant: string): QuorateError {
    const { user, isUnscoped } = this;
    return new QuorateError('PERMISSION_DENIED', `${user} has no ${what}${isUnscoped ? '' : ' by this token'}`, {
      hint: isUnscoped
        ? `A super-admin may grant it, with: quorate user grant ${user} ${grant}`
        : 'The scope of the token, or what its user was granted, does not contain it: log in, or ask for another token.',
    });
  }
}

/** What a user may whose token does not say less. */
function mayUser({ isSysadmin, grants }: StoredUser, database: string, permission: Permission): boolean {
  return isSysadmin || allows(grants, database, permission);
}

function passes(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (isQuorateError(error) && (error.code === 'PERMISSION_DENIED' || error.code === 'UNAUTHENTICATED')) {
      return false;
    }
    throw error;
  }
}
