import { QuorateError } from '../../errors/interface.ts';
import type { DatabasePermission, User, UsersServer } from '../../proto/interface.ts';
import { checkGrant } from '../auth/permissions.ts';
import type { StoredUser } from '../auth/user-directory.ts';
import { audited, type RpcContext, sysadminOnly, themselvesOrSysadmin, unaryRpc } from './rpc.ts';
import { tokenRpcs } from './token-rpcs.ts';

/** As a permission in a grant: the super-admin. */
const sysadmin = 'sysadmin';

/** Users, their permissions and their tokens. */
export function usersService(context: RpcContext): UsersServer {
  const { users, streams } = context.node.security;
  return {
    createUser: unaryRpc(context, audited('user.create', sysadminOnly), async (request) => {
      const { user: name, password, sysadmin: isSysadmin, permissions } = request;
      return wireUser(await users.create({ name, password, isSysadmin, grants: permissions.map(checkGrant) }));
    }),
    listUsers: unaryRpc(context, sysadminOnly, () => ({ users: users.list().map(wireUser) })),
    setPassword: setPassword(context),
    setActive: unaryRpc(context, audited('user.set-active', sysadminOnly), async ({ user, active }) => {
      const changed = await users.setActive(user, active);
      streams.checkAll();
      return wireUser(changed);
    }),
    deleteUser: unaryRpc(context, audited('user.delete', sysadminOnly), async ({ user }) => {
      await users.delete(user);
      streams.checkAll();
      return {};
    }),
    grant: unaryRpc(context, audited('user.grant', sysadminOnly), async (request) =>
      wireUser(
        isSysadminGrant(request)
          ? await users.setSysadmin(request.user, true)
          : await users.grant(request.user, checkGrant(request)),
      ),
    ),
    revoke: unaryRpc(context, audited('user.revoke', sysadminOnly), async (request) => {
      const changed = isSysadminGrant(request)
        ? await users.setSysadmin(request.user, false)
        : await users.revoke(request.user, checkGrant(request));
      streams.checkAll();
      return wireUser(changed);
    }),
    ...tokenRpcs(context),
  };
}

function setPassword(context: RpcContext): UsersServer['setPassword'] {
  const { users, authenticator, streams } = context.node.security;
  return unaryRpc(context, audited('user.password', themselvesOrSysadmin), async (request, { identity, address }) => {
    const { user, password, currentPassword } = request;
    if (!identity.isSysadmin) {
      // Whoever has found a token must not be able to keep its owner out.
      await authenticator.checkPassword(user, currentPassword, address);
    }
    await users.setPassword(user, password);
    streams.checkAll();
    return {};
  });
}

function isSysadminGrant({ permission, database }: { permission: string; database: string }): boolean {
  if (permission === sysadmin && database !== '') {
    throw new QuorateError('INVALID_ARGUMENT', 'a super-admin is one of the whole server', {
      hint: 'Leave the database out.',
    });
  }
  return permission === sysadmin;
}

function wireUser({ name, isSysadmin, isActive, createdAtMs, grants }: StoredUser): User {
  const permissions = grants.map(({ database, permission }): DatabasePermission => ({ database, permission }));
  return { user: name, sysadmin: isSysadmin, active: isActive, createdAtMs, permissions };
}
