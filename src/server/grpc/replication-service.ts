import { encodeSnapshotMessage, type ReplicationServer, ReplicationService } from '../../proto/interface.ts';
import { exportSnapshot } from './export-snapshot-rpc.ts';
import { exportTx } from './export-tx-rpc.ts';
import { replicateSnapshot } from './replicate-snapshot-rpc.ts';
import { replicateTx } from './replicate-tx-rpc.ts';
import type { RpcContext } from './rpc.ts';

/** The generated service, with the messages of a snapshot written in a cheaper way. */
export const replicationDefinition = {
  ...ReplicationService,
  exportSnapshot: { ...ReplicationService.exportSnapshot, responseSerialize: encodeSnapshotMessage },
};

/** Following and feeding databases. */
export function replicationService(context: RpcContext): ReplicationServer {
  return {
    exportTx: exportTx(context),
    replicateTx: replicateTx(context),
    replicateSnapshot: replicateSnapshot(context),
    exportSnapshot: exportSnapshot(context),
  };
}
