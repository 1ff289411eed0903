import type { Database, Writer } from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import { clusterUserName } from '../auth/cluster-user.ts';
import { resolveUpstream } from './follow-settings.ts';
import { ForwardingWriter } from './forwarding-writer.ts';
import { GroupWriter } from './group/group-writer.ts';
import type { Node } from './node.ts';

/** Whether writes to a database are taken on this node, or sent to its primary. */
export function isWritable({ settings }: Database): boolean {
  const { forwardWrites = false, upstream } = settings.replication;
  return settings.role === 'primary' || settings.group !== undefined || (forwardWrites && upstream !== undefined);
}

/**
 * Where the writes of a database go.
 * @param user who writes; what another member has sent here goes no further, or it could go round and round
 * @throws QuorateError READ_ONLY_REPLICA
 */
export function writerOf(node: Node, database: Database, user?: string): Writer {
  const membership = user === clusterUserName ? undefined : node.groups?.find(database.name);
  if (membership !== undefined) {
    const { upstreams, runtime, options } = node;
    const { groupWriteWaitMs } = options.limits;
    const shownMs = options.databaseLimits.queryTimeoutMs;
    return new GroupWriter({ database, membership, upstreams, runtime, waitMs: groupWriteWaitMs, shownMs });
  }
  if (database.settings.role === 'primary') {
    return database.writer;
  }
  if (!isWritable(database) || user === clusterUserName) {
    throw readOnlyReplica(node, database);
  }
  return new ForwardingWriter(database, node.upstreams, node.options.databaseLimits.queryTimeoutMs);
}

function readOnlyReplica(node: Node, database: Database): QuorateError {
  const { upstream } = database.settings.replication;
  if (upstream === undefined) {
    return new QuorateError('READ_ONLY_REPLICA', `database ${database.name} is a replica and takes no writes`, {
      hint: 'It is fed by an external replicator; send the write to the database that it reads from.',
    });
  }
  const { host, port, database: primary } = resolveUpstream(upstream, node.address);
  return new QuorateError(
    'READ_ONLY_REPLICA',
    `database ${database.name} is a replica of ${host}:${port}/${primary} and takes no writes`,
    {
      hint: `Send the write there: quorate --host ${host} --port ${port} query ${primary} …`,
      details: { primaryHost: host, primaryPort: port, primaryDatabase: primary },
    },
  );
}
