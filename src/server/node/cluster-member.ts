import type { AttachedReplica, DatabaseStatus, StatusResponse } from '../../proto/interface.ts';
import type { ClusterMember } from './cluster-view.ts';

/** What a node says of itself. */
export function selfMember(
  { nodeId, nodeName, httpUrl }: StatusResponse,
  status: DatabaseStatus,
  reachable: boolean,
): ClusterMember {
  const { role, replicator, appliedTxId, state } = status;
  const isPrimary = role === 'primary';
  return {
    ...{ nodeId, name: nodeName, httpUrl: httpUrl || null, zone: '', txId: appliedTxId },
    role: isPrimary ? 'primary' : 'replica',
    state: reachable ? (replicator?.state ?? state) : 'unreachable',
    lagMs: isPrimary ? 0 : (replicator?.lagMs ?? null),
    lagTransactions: isPrimary ? 0 : (replicator?.lagTransactions ?? null),
    isSync: replicator?.isSync === true,
  };
}

/** What a node says of one that follows it. */
export function attachedMember(replica: AttachedReplica, upstream: DatabaseStatus): ClusterMember {
  const { replicaId, replicaName, httpUrl, appliedTxId } = replica;
  return {
    ...{ nodeId: replicaId.split('/')[0] ?? '', name: replicaName, httpUrl: httpUrl || null, zone: '' },
    ...{ role: 'replica', state: 'streaming', lagMs: null, txId: appliedTxId },
    lagTransactions: Math.max(0, upstream.commitTxId - appliedTxId),
    isSync: false,
  };
}
