import type { GroupsServer } from '../../proto/interface.ts';
import { audited, onDatabase, type RpcContext, unaryRpc } from './rpc.ts';

/** What people do with groups. */
export function groupsService(context: RpcContext): GroupsServer {
  const { node } = context;
  const admin = onDatabase('admin');
  return {
    create: unaryRpc(context, audited('group.create', admin), (request) => node.requireGroups().create(request)),
    join: unaryRpc(context, audited('group.join', admin), (request) => node.requireGroups().join(request)),
    leave: unaryRpc(context, audited('group.leave', admin), ({ database, member }) =>
      node.requireGroups().leave(database, member),
    ),
    update: unaryRpc(context, audited('group.update', admin), (request) => node.requireGroups().change(request)),
    list: unaryRpc(context, listRule, async ({ database, everywhere }) => ({
      groups: everywhere ? await node.requireGroups().listAll() : node.requireGroups().list(database),
    })),
    switchover: unaryRpc(context, audited('group.switchover', admin), ({ database, to, dryRun }) =>
      node.requireGroups().orders.switchOver(database, to, dryRun),
    ),
    failover: unaryRpc(context, audited('group.failover', admin), async (request) => ({
      decision: JSON.stringify(await node.requireGroups().orders.failOver(request)),
    })),
    explain: unaryRpc(context, onDatabase('read'), async ({ database }) => ({
      decisions: (await node.requireGroups().get(database).store.decisions()).map((decision) =>
        JSON.stringify(decision),
      ),
    })),
  };
}

/** All groups are for those who may read every database. */
const listRule = {
  check: (identity: Parameters<ReturnType<typeof onDatabase>['check']>[0], { database }: { database: string }) =>
    identity.require(database === '' ? '*' : database, 'read'),
};
