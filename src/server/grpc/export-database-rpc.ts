import type { ServerWritableStream } from '@grpc/grpc-js';
import { writeMessage } from '../../client/interface.ts';
import type { AdminServer, DatabaseRequest, FileChunk } from '../../proto/interface.ts';
import { audited, authenticate, failure, onDatabase, peerAddress, type RpcContext, runAs } from './rpc.ts';

/** Bytes of a file in one message. */
const chunkBytes = 256 * 1024;

type ExportCall = ServerWritableStream<DatabaseRequest, FileChunk>;

/** Writes a plain SQLite file beside the databases and sends it. */
export function exportDatabase(context: RpcContext): AdminServer['exportDatabase'] {
  return (call) => {
    run(context, call).then(
      () => call.end(),
      (error: unknown) => call.emit('error', failure(context, error)),
    );
  };
}

const rule = audited('database.export', onDatabase('admin'));

async function run(context: RpcContext, call: ExportCall): Promise<void> {
  const identity = authenticate(context, call.metadata);
  const { request } = call;
  await runAs(context, rule, { identity, address: peerAddress(call), request }, () => exportTo(context, call));
}

async function exportTo(context: RpcContext, call: ExportCall): Promise<void> {
  const database = context.node.databases.require(call.request.database);
  const { files } = context.node.runtime;
  const workPath = context.node.newWorkPath();
  try {
    await database.exportTo(workPath);
    await send(context, call, workPath);
  } finally {
    files.removeSync(workPath);
  }
}

async function send(context: RpcContext, call: ExportCall, filePath: string): Promise<void> {
  const file = context.node.runtime.files.openSync(filePath, 'read');
  try {
    const sizeBytes = file.sizeSync();
    for (let position = 0; position < sizeBytes && !call.cancelled; ) {
      const content = Buffer.alloc(Math.min(chunkBytes, sizeBytes - position));
      const count = await file.read(content, position);
      await writeMessage(call, { content: content.subarray(0, count) });
      position += count;
    }
  } finally {
    file.closeSync();
  }
}
