import { type Database, encodePosition } from '../database/interface.ts';
import type { AttachedReplica, ReplicatorStatus } from '../replication/interface.ts';
import type { OpenDatabaseStatus, ReplicaStatus, ReplicationStatus } from './types.ts';

/** What a node knows of those around one of its databases. */
interface Followers {
  readonly replicatorStatus: ReplicatorStatus | undefined;
  readonly attachedReplicas: readonly AttachedReplica[];
}

/** Where an open database stands, without the secrets of its settings. */
export function openDatabaseStatus(followers: Followers, database: Database): OpenDatabaseStatus {
  const { tip, durable, applied, term } = database.positions();
  const { replicatorStatus } = followers;
  return {
    role: database.settings.role,
    position: encodePosition({ term, txId: applied }),
    tipTxId: tip,
    durableTxId: durable,
    appliedTxId: applied,
    logSizeBytes: database.logSizeBytes(),
    replication: replicatorStatus && replicationStatus(replicatorStatus),
    replicas: followers.attachedReplicas.map(replicaStatus),
  };
}

function replicationStatus({
  state,
  reason,
  upstream,
  lagTransactions,
  lagMs,
  snapshot,
}: ReplicatorStatus): ReplicationStatus {
  return { state, reason, upstream, lagTransactions, lagMs, snapshot };
}

function replicaStatus({ replicaName, durableTxId, appliedTxId }: AttachedReplica): ReplicaStatus {
  return { name: replicaName, durableTxId, appliedTxId };
}
