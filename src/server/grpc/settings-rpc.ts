import type { AdminServer } from '../../proto/interface.ts';
import { type RpcContext, sysadminOnly, unaryRpc } from './rpc.ts';

/** The options that the node runs with: paths and addresses among them, which are not for everybody. */
export function settings(context: RpcContext): AdminServer['settings'] {
  return unaryRpc(context, sysadminOnly, () => ({
    settings: (context.node.options.settings ?? []).map(({ flag, value, source }) => ({ name: flag, value, source })),
  }));
}
