import type { Authenticator } from './authenticator.ts';

/** What somebody wants to do with a database. */
export type DatabaseAction = 'read' | 'write';

/** Who makes a request, and what they may do. */
export interface Identity {
  readonly user: string;
  may(database: string, action: DatabaseAction): boolean;
}

/** The token of `Authorization: Bearer TOKEN`; undefined when there is none. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer\s+(\S+)\s*$/i.exec(authorization ?? '')?.[1];
}

/** The user behind the header `Authorization`. @throws QuorateError UNAUTHENTICATED, UNAVAILABLE */
export async function authenticate(authenticator: Authenticator, authorization: string | undefined): Promise<Identity> {
  const { user, isAdmin } = await Promise.resolve(authenticator.verify(bearerToken(authorization)));
  return { user, may: () => isAdmin };
}
