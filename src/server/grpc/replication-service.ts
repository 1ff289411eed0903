import type { ReplicationServer } from '../../proto/interface.ts';
import { exportSnapshot } from './export-snapshot-rpc.ts';
import { exportTx } from './export-tx-rpc.ts';
import { replicateSnapshot } from './replicate-snapshot-rpc.ts';
import { replicateTx } from './replicate-tx-rpc.ts';
import type { RpcContext } from './rpc.ts';

/** Following and feeding databases. */
export function replicationService(context: RpcContext): ReplicationServer {
  return {
    exportTx: exportTx(context),
    replicateTx: replicateTx(context),
    replicateSnapshot: replicateSnapshot(context),
    exportSnapshot: exportSnapshot(context),
  };
}
