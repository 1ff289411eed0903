import type { AdminServer } from '../../proto/interface.ts';
import { everyDatabase } from '../auth/permissions.ts';
import { type RpcContext, type RpcRule, unaryRpc } from './rpc.ts';

/** Whoever follows the whole server takes a database that is left out for deleted, so that nobody is told of a part of them. */
const readsEverything: RpcRule<unknown> = { check: (identity) => identity.require(everyDatabase, 'read') };

/** What a server that follows this one asks again and again. */
export function listDatabases(context: RpcContext): AdminServer['listDatabases'] {
  return unaryRpc(context, readsEverything, () => context.node.listDatabases());
}
