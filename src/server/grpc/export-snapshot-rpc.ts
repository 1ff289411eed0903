import type { ServerWritableStream } from '@grpc/grpc-js';
import { isQuorateError } from '../../errors/interface.ts';
import {
  type ExportSnapshotRequest,
  type ExportSnapshotResponse,
  type ReplicationServer,
  releaseSent,
} from '../../proto/interface.ts';
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
    await exporter.sendSnapshot(call.request, (message) => sendMessage(call, { message }, gone.signal), gone.signal);
  } finally {
    unwatch();
  }
  if (isQuorateError(gone.signal.reason)) {
    throw gone.signal.reason;
  }
}

/** Resolves when the message is on its way, as a whole, or nobody is there any more. */
export function sendMessage(call: SnapshotCall, message: ExportSnapshotResponse, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      gone.removeEventListener('abort', end);
      resolve();
    };
    gone.addEventListener('abort', end);
    if (gone.aborted) {
      end();
    } else {
      call.write(message, (error?: Error | null) => {
        // What could not be sent may still be in the hands of the socket.
        if (!error) {
          releaseSent(message);
        }
        end();
      });
    }
  });
}
