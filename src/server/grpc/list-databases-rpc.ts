import type { AdminServer } from '../../proto/interface.ts';
import { type RpcContext, unaryRpc } from './rpc.ts';

/** What a server that follows this one asks again and again. */
export function listDatabases(context: RpcContext): AdminServer['listDatabases'] {
  return unaryRpc(context, () => context.node.listDatabases());
}
