import type { GroupMember } from '../../../cluster/interface.ts';
import { QuorateError } from '../../../errors/interface.ts';
import type { GrpcGroupPeers } from './group-peers.ts';

/**
 * The refusal of a node whose id another one uses: one of that id answers where the group knows it to be. Two nodes of one id
 * would count as one.
 * @param own the member of that id, as the group knows it
 * @param present where this node is
 */
export async function nodeIdInUse(
  peers: Pick<GrpcGroupPeers, 'ask'>,
  database: string,
  own: GroupMember,
  present: Pick<GroupMember, 'host' | 'port'>,
): Promise<QuorateError | undefined> {
  const { nodeId, host, port } = own;
  if (host === present.host && port === present.port) {
    return undefined;
  }
  const other = await peers.ask(own, database).catch(() => undefined);
  if (other?.nodeId !== nodeId) {
    return undefined;
  }
  return new QuorateError(
    'NODE_ID_IN_USE',
    `another node with the id of this one, ${nodeId}, answers at ${host}:${port}`,
    {
      hint: 'A copied data folder has the id of the first: stop this server, delete its node.json, and start it with a --node-name of its own.',
      details: { nodeId, host, port },
    },
  );
}
