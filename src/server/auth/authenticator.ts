import type { Permission } from './permissions.ts';

/**
 * Who makes a request. What he may do is asked anew each time: an identity that is kept, as by a connection, loses its
 * permissions with its user. Only the expiry of its token is not looked at again.
 */
export interface Identity {
  readonly user: string;
  /** Id of the token. */
  readonly tokenId: string;
  /** Whether the token stands for all that its user may do; one with a scope makes no other tokens. */
  readonly isUnscoped: boolean;
  /** Whether he may do everything: a super-admin with such a token. False for one who is not valid any more. */
  readonly isSysadmin: boolean;
  /** Whether he may do that on a database of this node, or on all of them (`*`). False for one who is not valid any more. */
  may(database: string, permission: Permission): boolean;
  /** @throws QuorateError PERMISSION_DENIED; UNAUTHENTICATED when the user or the token is not valid any more */
  require(database: string, permission: Permission): void;
  /** @throws QuorateError PERMISSION_DENIED; UNAUTHENTICATED when the user or the token is not valid any more */
  requireSysadmin(): void;
}

export interface Login {
  /** Goes into the header or metadata `authorization: Bearer TOKEN` of later requests. */
  readonly token: string;
  readonly id: string;
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
  /**
   * @param authorization the header or metadata of that name: `Bearer TOKEN`
   * @throws QuorateError UNAUTHENTICATED, UNAVAILABLE when this node does not know its users yet
   */
  authenticate(authorization: string | undefined): Identity;
}
