import type { ServerReadableStream } from '@grpc/grpc-js';
import { QuorateError } from '../../errors/interface.ts';
import type {
  AdminServer,
  CreateDatabaseRequest,
  DatabaseStatus,
  ImportDatabaseRequest,
} from '../../proto/interface.ts';
import type { FileHandle } from '../../runtime/interface.ts';
import { followRequestOf, includeInGroup } from './database-rpcs.ts';
import { audited, authenticate, callerGone, failure, onDatabase, peerAddress, type RpcContext, runAs } from './rpc.ts';

type ImportCall = ServerReadableStream<ImportDatabaseRequest, DatabaseStatus>;

/** Receives a SQLite file into a work file, then makes a database from it. */
export function importDatabase(context: RpcContext): AdminServer['importDatabase'] {
  return (call, callback) => {
    run(context, call).then(
      (response) => callback(null, response),
      (error: unknown) => callback(failure(context, error)),
    );
  };
}

const rule = audited('database.import', onDatabase('admin'));

async function run(context: RpcContext, call: ImportCall): Promise<DatabaseStatus> {
  const identity = authenticate(context, call.metadata);
  const { node } = context;
  const { files } = node.runtime;
  const workPath = node.newWorkPath();
  try {
    const check = (request: CreateDatabaseRequest) => rule.check(identity, request);
    const request = await receive(context, call, { workPath, check });
    return await runAs(context, rule, { identity, address: peerAddress(call), request }, async () => {
      await node.databases.import(request.database, followRequestOf(request), workPath);
      await includeInGroup(context, request.database);
      return node.databaseStatus(request.database);
    });
  } finally {
    files.removeSync(workPath);
  }
}

/**
 * A caller that leaves may also look like one that has sent everything; SQLite refuses a part of a file.
 * @throws QuorateError CANCELLED
 */
async function* messagesOf(call: ImportCall): AsyncGenerator<ImportDatabaseRequest> {
  try {
    yield* call as AsyncIterable<ImportDatabaseRequest>;
  } catch (cause) {
    throw callerGone(cause);
  }
}

async function receive(
  context: RpcContext,
  call: ImportCall,
  { workPath, check }: { readonly workPath: string; readonly check: (request: CreateDatabaseRequest) => void },
): Promise<CreateDatabaseRequest> {
  let create: CreateDatabaseRequest | undefined;
  let file: FileHandle | undefined;
  let sizeBytes = 0;
  try {
    for await (const { message } of messagesOf(call)) {
      if (message?.$case === 'create' && create === undefined) {
        check(message.value);
        context.node.databases.checkNew(message.value.database);
        create = message.value;
        file = context.node.runtime.files.openSync(workPath, 'create');
      } else if (message?.$case === 'chunk' && file !== undefined) {
        file.writeSync(message.value.content, sizeBytes);
        sizeBytes += message.value.content.length;
      } else {
        throw new QuorateError('PROTOCOL_ERROR', 'an import begins with one "create" message, and chunks follow');
      }
    }
  } finally {
    file?.closeSync();
  }
  if (create === undefined || sizeBytes === 0) {
    throw new QuorateError('INVALID_ARGUMENT', 'the import contains no file');
  }
  return create;
}
