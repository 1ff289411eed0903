import { QuorateError } from '../../errors/interface.ts';
import type { StatusResponse } from '../../proto/interface.ts';
import type { Identity } from '../auth/authenticator.ts';
import type { Node } from './node.ts';

/**
 * The node and one database or, when the name is empty, those that the caller may read. Whom the whole server follows
 * and its certificate are for super-admins.
 * @throws QuorateError PERMISSION_DENIED, DATABASE_NOT_FOUND
 */
export function visibleStatus(node: Node, identity: Identity, database = ''): StatusResponse {
  if (database !== '') {
    identity.require(database, 'read');
  }
  const { following, certificate, databases, ...rest } = node.status(database);
  const visible = databases.filter((status) => identity.may(status.database, 'read'));
  if (visible.length === 0) {
    throw new QuorateError('PERMISSION_DENIED', `${identity.user} may read no database of this server`);
  }
  const shown = identity.isSysadmin ? { following, certificate } : { following: undefined, certificate: undefined };
  return { ...rest, databases: visible, ...shown };
}
