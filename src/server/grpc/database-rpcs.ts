import { QuorateError } from '../../errors/interface.ts';
import type { AdminServer, CreateDatabaseRequest, UpdateDatabaseRequest } from '../../proto/interface.ts';
import { systemDatabaseName } from '../auth/permissions.ts';
import type { FollowRequest } from '../node/node-options.ts';
import { audited, onDatabase, type RpcContext, unaryRpc } from './rpc.ts';

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
  return unaryRpc(context, audited('database.create', onDatabase('admin')), async (request) => {
    await context.node.databases.create(request.database, followRequestOf(request));
    await includeInGroup(context, request.database);
    return context.node.databaseStatus(request.database);
  });
}

/** A database that does not get the group that it is to have is not made either. */
export async function includeInGroup({ node }: RpcContext, name: string): Promise<void> {
  try {
    await node.groups?.include(name);
  } catch (error) {
    if (node.databases.get(name).settings?.group === undefined) {
      await node.databases.delete(name);
    }
    throw error;
  }
}

/** The stored password goes to the stored upstream and to nobody else, who might only want to get at it. */
function refuseBorrowedPassword({ primaryHost, primaryPort, primaryUsername, primaryPassword }: UpdateDatabaseRequest) {
  const goesElsewhere = [primaryHost, primaryPort, primaryUsername].some((given) => given !== undefined);
  if (goesElsewhere && primaryPassword === undefined) {
    throw new QuorateError('INVALID_ARGUMENT', 'another upstream needs its own password', {
      hint: 'Give --replication-primary-password-file.',
    });
  }
}

export function updateDatabase(context: RpcContext): AdminServer['updateDatabase'] {
  return unaryRpc(context, audited('database.update', onDatabase('admin')), async (request, { identity }) => {
    if (!identity.isSysadmin) {
      refuseBorrowedPassword(request);
    }
    await context.node.databases.update(request);
    if (request.database === systemDatabaseName) {
      await context.node.security.publishKeys();
    }
    return context.node.databaseStatus(request.database);
  });
}

export function loadDatabase(context: RpcContext): AdminServer['loadDatabase'] {
  return unaryRpc(context, audited('database.load', onDatabase('admin')), async ({ database }) => {
    await context.node.databases.load(database);
    return context.node.databaseStatus(database);
  });
}

export function unloadDatabase(context: RpcContext): AdminServer['unloadDatabase'] {
  return unaryRpc(context, audited('database.unload', onDatabase('admin')), async ({ database }) => {
    await context.node.databases.unload(database);
    return context.node.databaseStatus(database);
  });
}

export function deleteDatabase(context: RpcContext): AdminServer['deleteDatabase'] {
  return unaryRpc(context, audited('database.delete', onDatabase('admin')), async ({ database }) => {
    await context.node.databases.delete(database);
    await context.node.security.forgetDatabase(database);
    return {};
  });
}

export function digest(context: RpcContext): AdminServer['digest'] {
  return unaryRpc(context, onDatabase('read'), async ({ database }) => {
    const found = await context.node.databases.require(database).digest();
    return { txId: found.txId, digest: Buffer.from(found.digest) };
  });
}

export function outcome(context: RpcContext): AdminServer['outcome'] {
  return unaryRpc(context, onDatabase('read'), async ({ database, txId, term }) => ({
    outcome: await context.node.databases.require(database).outcome({ txId, term }),
  }));
}

export function forgetReplica(context: RpcContext): AdminServer['forgetReplica'] {
  return unaryRpc(context, audited('database.forget-replica', onDatabase('admin')), ({ database, replica }) => {
    if (!context.node.databases.require(database).forgetReplica(replica)) {
      throw new QuorateError('INVALID_ARGUMENT', `database ${database} knows no replica ${JSON.stringify(replica)}`, {
        hint: `List those for which the log is kept with: quorate status ${database}`,
      });
    }
    return context.node.databaseStatus(database);
  });
}
