import type { ServerWritableStream } from '@grpc/grpc-js';
import { writeMessage } from '../../client/interface.ts';
import { isQuorateError } from '../../errors/interface.ts';
import type { ExportSnapshotRequest, ExportSnapshotResponse, ReplicationServer } from '../../proto/interface.ts';
import { authenticate, failure, type RpcContext } from './rpc.ts';

type SnapshotCall = ServerWritableStream<ExportSnapshotRequest, ExportSnapshotResponse>;

/** Sends a snapshot of a database to a replica. */
export function exportSnapshot(context: RpcContext): ReplicationServer['exportSnapshot'] {
  return (call) => {
    run(context, call).then(
      () => call.end(),
      (error: unknown) => call.emit('error', failure(context, error)),
    );
  };
}

async function run(context: RpcContext, call: SnapshotCall): Promise<void> {
  const { database } = call.request;
  const identity = authenticate(context, call.metadata);
  const check = () => identity.require(database, 'replication');
  check();
  const gone = new AbortController();
  for (const event of ['cancelled', 'close', 'error']) {
    call.on(event, () => gone.abort());
  }
  const unwatch = context.node.security.streams.add({ check, end: (error) => gone.abort(error) });
  try {
    const exporter = context.node.databases.get(database).requireExporter();
    await exporter.sendSnapshot(call.request, (message) => writeMessage(call, { message }), gone.signal);
  } finally {
    unwatch();
  }
  if (isQuorateError(gone.signal.reason)) {
    throw gone.signal.reason;
  }
}
