import type { UsersServer } from '../../proto/interface.ts';
import { checkGrant } from '../auth/permissions.ts';
import { audited, type RpcContext, type RpcRule, sysadminOnly, themselvesOrSysadmin, unaryRpc } from './rpc.ts';

type TokenRpcs = Pick<UsersServer, 'createToken' | 'revokeToken' | 'revokeTokens' | 'rotateKeys'>;

/** Whoever ends the token that he calls with takes nothing from anybody. */
const ownTokenOrSysadmin: RpcRule<{ readonly id: string }> = {
  check(identity, { id }) {
    if (identity.tokenId !== id) {
      identity.requireSysadmin();
    }
  },
};

const ofCallerOrSysadmin: RpcRule<{ readonly user: string }> = {
  check: (identity, { user }) => themselvesOrSysadmin.check(identity, { user: user || identity.user }),
};

/** Making and ending tokens. */
export function tokenRpcs(context: RpcContext): TokenRpcs {
  const { security } = context.node;
  const { users, streams } = security;
  return {
    createToken: unaryRpc(
      context,
      audited('token.create', ofCallerOrSysadmin),
      ({ user, scope, ttlMs }, { identity }) =>
        security.createToken(user || identity.user, ttlMs, scope.map(checkGrant)),
    ),
    revokeToken: unaryRpc(context, audited('token.revoke', ownTokenOrSysadmin), async ({ id }) => {
      await security.revokeToken(id);
      return {};
    }),
    revokeTokens: unaryRpc(context, audited('token.revoke-all', ofCallerOrSysadmin), async ({ user }, { identity }) => {
      await users.revokeTokens(user || identity.user);
      streams.checkAll();
      return {};
    }),
    rotateKeys: unaryRpc(context, audited('token.rotate-keys', sysadminOnly), async ({ revokeOld }) => ({
      keyId: await security.rotateKeys(revokeOld),
    })),
  };
}
