import type { AdminServer } from '../../proto/interface.ts';
import { type RpcContext, unaryRpc } from './rpc.ts';

export function status(context: RpcContext): AdminServer['status'] {
  return unaryRpc(context, ({ database }) => context.node.status(database));
}
