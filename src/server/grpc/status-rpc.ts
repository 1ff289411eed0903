import type { AdminServer } from '../../proto/interface.ts';
import { visibleStatus } from '../node/visible-status.ts';
import { anyUser, type RpcContext, unaryRpc } from './rpc.ts';

export function status(context: RpcContext): AdminServer['status'] {
  return unaryRpc(context, anyUser, ({ database }, { identity }) => visibleStatus(context.node, identity, database));
}
