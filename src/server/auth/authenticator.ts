import { QuorateError } from '../../errors/interface.ts';

/** Who makes a request. */
export interface Principal {
  readonly user: string;
  /** Whether the user may administer the node and follow its databases. */
  readonly isAdmin: boolean;
}

export interface Login {
  /** Goes into the metadata `authorization: Bearer TOKEN` of later requests. */
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number;
}

/** Tells who makes a request. Everything else of the server knows users only through this. */
export interface Authenticator {
  /**
   * @param address where the request comes from, for the limit on failed logins
   * @throws QuorateError UNAUTHENTICATED, OVERLOADED, UNAVAILABLE when this node does not know its users yet
   */
  login(user: string, password: string, address: string): Promise<Login>;
  /** @throws QuorateError UNAUTHENTICATED */
  verify(token: string | undefined): Principal;
}

/** The user behind a token, who may administer the node. @throws QuorateError UNAUTHENTICATED, PERMISSION_DENIED */
export function requireAdmin(authenticator: Authenticator, token: string | undefined): Principal {
  const principal = authenticator.verify(token);
  if (!principal.isAdmin) {
    throw new QuorateError('PERMISSION_DENIED', `${principal.user} has no admin permission on this server`);
  }
  return principal;
}
