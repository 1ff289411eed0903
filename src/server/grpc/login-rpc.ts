import type { AdminServer } from '../../proto/interface.ts';
import { openRpc, type RpcContext } from './rpc.ts';

/** The one RPC that needs no token: it gives one. */
export function login(context: RpcContext): AdminServer['login'] {
  return openRpc(context, ({ user, password }, address) => context.node.authenticator.login(user, password, address));
}
