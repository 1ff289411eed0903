import type { Database, DatabaseSettings, RejoinRequest } from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import type { ReplicatorStatus } from '../../replication/interface.ts';
import type { DatabaseState } from './managed-database.ts';
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

export interface UnusableReplica {
  readonly state: DatabaseState;
  readonly settings: DatabaseSettings | undefined;
  readonly lastError: ReplicatorStatus['lastError'];
  /** A person wants a new copy, whatever the state. */
  readonly snapshot: boolean;
}

/**
 * Whether nothing of what a replica has is of use: it cannot be opened, or a person wants the database of the upstream in the
 * place of another one.
 */
export function mustBeginAnew({ state, settings, lastError, snapshot }: UnusableReplica): boolean {
  const isFollowing = settings?.role === 'replica' && settings.replication.enabled;
  return isFollowing && (state === 'failed' || (snapshot && lastError?.code === 'WRONG_DATABASE'));
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
