import { QuorateError } from '../../errors/interface.ts';
import type { AdminServer, CreateDatabaseRequest } from '../../proto/interface.ts';
import type { FollowRequest } from '../node/node-options.ts';
import { type RpcContext, unaryRpc } from './rpc.ts';

/** What a request to create a database asks for. */
export function followRequestOf({ role, replication, acks }: CreateDatabaseRequest): FollowRequest {
  return {
    role,
    enabled: replication?.enabled ?? false,
    host: replication?.primaryHost ?? '',
    port: replication?.primaryPort ?? 0,
    database: replication?.primaryDatabase ?? '',
    username: replication?.primaryUsername ?? '',
    password: replication?.primaryPassword ?? '',
    acks,
    delayMs: replication?.delayMs,
    forwardWrites: replication?.forwardWrites,
  };
}

export function createDatabase(context: RpcContext): AdminServer['createDatabase'] {
  return unaryRpc(context, async (request) => {
    await context.node.databases.create(request.database, followRequestOf(request));
    return context.node.databaseStatus(request.database);
  });
}

export function updateDatabase(context: RpcContext): AdminServer['updateDatabase'] {
  return unaryRpc(context, async (request) => {
    await context.node.databases.update(request);
    return context.node.databaseStatus(request.database);
  });
}

export function loadDatabase(context: RpcContext): AdminServer['loadDatabase'] {
  return unaryRpc(context, async ({ database }) => {
    await context.node.databases.load(database);
    return context.node.databaseStatus(database);
  });
}

export function unloadDatabase(context: RpcContext): AdminServer['unloadDatabase'] {
  return unaryRpc(context, async ({ database }) => {
    await context.node.databases.unload(database);
    return context.node.databaseStatus(database);
  });
}

export function deleteDatabase(context: RpcContext): AdminServer['deleteDatabase'] {
  return unaryRpc(context, async ({ database }) => {
    await context.node.databases.delete(database);
    return {};
  });
}

export function digest(context: RpcContext): AdminServer['digest'] {
  return unaryRpc(context, async ({ database }) => {
    const found = await context.node.databases.require(database).digest();
    return { txId: found.txId, digest: Buffer.from(found.digest) };
  });
}

export function outcome(context: RpcContext): AdminServer['outcome'] {
  return unaryRpc(context, async ({ database, txId, term }) => ({
    outcome: await context.node.databases.require(database).outcome({ txId, term }),
  }));
}

export function forgetReplica(context: RpcContext): AdminServer['forgetReplica'] {
  return unaryRpc(context, ({ database, replica }) => {
    if (!context.node.databases.require(database).forgetReplica(replica)) {
      throw new QuorateError('INVALID_ARGUMENT', `database ${database} knows no replica ${JSON.stringify(replica)}`, {
        hint: `List those for which the log is kept with: quorate status ${database}`,
      });
    }
    return context.node.databaseStatus(database);
  });
}
