import { countsForAcks, type GroupConfig, type GroupMember } from '../../../cluster/interface.ts';
import { QuorateError } from '../../../errors/interface.ts';
import type { Runtime } from '../../../runtime/interface.ts';
import { builtInDatabases, type DatabaseCatalog } from '../database-catalog.ts';
import { followsNobody } from '../node-options.ts';
import { hexId } from './group-changes.ts';
import type { GrpcGroupPeers } from './group-peers.ts';

/** Milliseconds for which the making of a database waits at most for the other members of its group, and between two looks. */
const majorityLimitMs = 10_000;
const majorityTickMs = 10;

/** Resolves when as many members count as are a majority of another group, or when that takes too long. */
export async function majorityCounts(
  { clock, timers }: Runtime,
  { members }: GroupConfig,
  present: () => GroupConfig | undefined,
): Promise<void> {
  const majority = Math.floor(members.filter(countsForAcks).length / 2) + 1;
  const isReached = () => (present()?.members.filter(countsForAcks).length ?? 0) >= majority;
  for (const endMs = clock.monotonicMs() + majorityLimitMs; !isReached() && clock.monotonicMs() < endMs; ) {
    await timers.sleep(majorityTickMs);
  }
}

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
