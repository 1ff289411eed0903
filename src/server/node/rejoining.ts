import type { Database, RejoinRequest } from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import type { ReplicatorStatus } from '../../replication/interface.ts';
import { findPartingOf } from './parting.ts';
import type { UpstreamClients } from './upstream-clients.ts';

export interface RejoinWish {
  readonly database: Database;
  /** Of its replicator; undefined without one. */
  readonly state: ReplicatorStatus['state'] | undefined;
  /** A person wants a new copy, whatever the state. */
  readonly snapshot: boolean;
  readonly upstreams: UpstreamClients;
}

/**
 * How a replica can get rid of what makes it differ from its upstream. Only one that says so has diverged: one whose upstream
 * is merely behind has not, so it must be told that a new copy is wanted.
 * @throws QuorateError WRONG_ROLE; UNAVAILABLE …, when the upstream cannot be asked where the histories part
 */
export async function rejoinRequest({ database, state, snapshot, upstreams }: RejoinWish): Promise<RejoinRequest> {
  const { name } = database;
  if (state === undefined) {
    throw new QuorateError('WRONG_ROLE', `database ${name} is not a replica that follows an upstream`, {
      hint: `Let it follow one first: quorate database update ${name} --replication-enabled --replication-primary-host HOST …`,
    });
  }
  if (state !== 'diverged' && !snapshot) {
    throw new QuorateError('WRONG_ROLE', `database ${name} has not diverged: its replication is ${state}`, {
      hint: `See its status. To copy it again all the same: quorate database rejoin ${name} --snapshot`,
    });
  }
  const { commonTxId, certain } = await findPartingOf(database, upstreams);
  const hasParted = certain && commonTxId < database.positions().tip;
  return { commonTxId: certain ? commonTxId : undefined, mayGoBack: hasParted && !snapshot };
}
