import type { StatusResponse } from '../../proto/interface.ts';
import { renderTable } from '../text-table.ts';

/** The node that is asked and those that it follows or is followed by, for one database. */
export function nodesText({ nodeName, databases: [status] }: StatusResponse): string {
  if (status === undefined) {
    return '';
  }
  const { role, state, appliedTxId, replicator, replicas } = status;
  const rows = [
    ...(replicator === undefined
      ? []
      : [[replicator.upstream, 'upstream', replicator.state, String(replicator.upstreamTipTxId)]]),
    [nodeName, `${role}, this node`, state, String(appliedTxId)],
    ...replicas.map((replica) => [
      `${replica.replicaName} (${replica.address})`,
      'replica',
      'attached',
      String(replica.appliedTxId),
    ]),
  ];
  return renderTable(
    ['node', 'role', 'state', 'tx'],
    rows.map(([node = '', what = '', how = '', tx = '']) => [
      { text: node },
      { text: what },
      { text: how },
      { text: tx, align: 'right' },
    ]),
  );
}
