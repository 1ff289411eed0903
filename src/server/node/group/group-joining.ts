import type { GroupConfig, GroupMember } from '../../../cluster/interface.ts';
import { QuorateError } from '../../../errors/interface.ts';
import { builtInDatabases, type DatabaseCatalog } from '../database-catalog.ts';
import { followsNobody } from '../node-options.ts';
import { hexId } from './group-changes.ts';
import type { GrpcGroupPeers } from './group-peers.ts';

/** Gives a node that joins a group its replica. @throws QuorateError WRONG_DATABASE when it has another database of the name */
export async function prepareReplica(
  { databases, peers }: { readonly databases: DatabaseCatalog; readonly peers: GrpcGroupPeers },
  name: string,
  { databaseId }: GroupConfig,
  leader: GroupMember,
): Promise<void> {
  const upstream = peers.upstream(leader, name);
  if (!databases.has(name)) {
    await databases.create(name, { ...followsNobody, role: 'replica', enabled: true, ...upstream });
  }
  const managed = databases.get(name);
  const own = managed.require();
  const isOther = own.databaseId !== undefined && hexId(own) !== databaseId;
  if (isOther && builtInDatabases.has(name)) {
    // Every server has one; that of the group takes its place.
    const replication = { enabled: true, upstream };
    return await managed.becomeReplica((current) => ({
      ...current,
      role: 'replica',
      replication,
      group: { id: name },
    }));
  }
  if (own.settings.role === 'primary' || isOther) {
    throw new QuorateError('WRONG_DATABASE', `this node has another database of the name ${name}`, {
      hint: `Export what you need of it, delete it (quorate database delete ${name}), and join again.`,
    });
  }
  await managed.update((current) => ({ ...current, group: { id: name } }));
}
