import type { Membership } from '../../../cluster/interface.ts';
import type { Database } from '../../../database/interface.ts';
import { QuorateError } from '../../../errors/interface.ts';

export interface ExportRequest {
  readonly database: Pick<Database, 'name' | 'settings' | 'leadership'>;
  readonly membership: Pick<Membership, 'config' | 'isLeading'>;
  /** Id of who wants to follow: that of its node, and the database there. */
  readonly replicaId: string;
}

/**
 * Whom a member serves: everybody while it leads. As a replica it serves those outside of the group and, of the members, only
 * the candidate to whom it has promised a term: all others would take it for a living primary. A primary whose lease has
 * ended serves nobody.
 * @throws QuorateError LEASE_LOST
 */
export function checkExport({ database, membership, replicaId }: ExportRequest): void {
  const { config, isLeading } = membership;
  const { role } = database.settings;
  const [nodeId = ''] = replicaId.split('/');
  const isMember = config === undefined || config.members.some((member) => member.nodeId === nodeId);
  const isServed = role === 'primary' ? isLeading : !isMember || database.leadership.promisedTo === nodeId;
  if (!isServed) {
    throw new QuorateError('LEASE_LOST', `this node does not lead the group of ${database.name} now`, {
      hint: 'The members agree on another primary, or on this one again, in a moment.',
    });
  }
}
