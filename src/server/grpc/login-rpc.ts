import type { AdminServer } from '../../proto/interface.ts';
import { openRpc, type RpcContext } from './rpc.ts';

/** The one RPC that needs no token: it gives one. */
export function login(context: RpcContext): AdminServer['login'] {
  const { audit, authenticator } = context.node.security;
  return openRpc(context, ({ user, password }, address) =>
    audit.run({ action: 'login', user, address, request: {} }, () => authenticator.login(user, password, address)),
  );
}
