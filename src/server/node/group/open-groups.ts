import { ObservedCoordinator, openCoordinator } from '../../../cluster/interface.ts';
import { QuorateError } from '../../../errors/interface.ts';
import type { GrpcReplicationTransport } from '../../../replication/interface.ts';
import type { Runtime } from '../../../runtime/interface.ts';
import type { DatabaseCatalog } from '../database-catalog.ts';
import type { NodeAddress } from '../follow-settings.ts';
import { httpUrlOf } from '../http-url.ts';
import type { NodeIdentity } from '../node-directory.ts';
import type { ClusterSettings } from '../node-options.ts';
import { GrpcGroupPeers } from './group-peers.ts';
import { Groups } from './groups.ts';
import { RoleHooks } from './role-hooks.ts';

export interface GroupSurroundings {
  readonly identity: NodeIdentity;
  readonly databases: DatabaseCatalog;
  readonly runtime: Runtime;
  readonly transport: GrpcReplicationTransport;
  readonly address: () => NodeAddress | undefined;
  readonly httpAddress: () => NodeAddress | undefined;
  /** Whether clients connect over TLS. */
  readonly isSecure: boolean;
  readonly onPrimary: (database: string) => void;
  readonly maxGroups: number;
}

/** The groups of a node that was given a coordinator. @throws QuorateError INVALID_ARGUMENT, COORDINATOR_UNAVAILABLE */
export async function openGroups(
  settings: ClusterSettings | undefined,
  { identity, databases, runtime, transport, address, httpAddress, isSecure, onPrimary, maxGroups }: GroupSurroundings,
): Promise<Groups | undefined> {
  const opened = settings && (await openCoordinator(settings, runtime));
  if (settings === undefined || opened === undefined) {
    for (const { name } of databases.list().filter((database) => database.settings?.group !== undefined)) {
      const message = 'the database belongs to a group, but this server has no coordinator: it follows nobody';
      runtime.logger.error({ database: name }, message);
    }
    return undefined;
  }
  const { clusterSecret, advertiseAddress, zone = '' } = settings;
  if (clusterSecret === undefined) {
    throw new QuorateError('INVALID_ARGUMENT', 'a node with a coordinator needs the secret of its cluster', {
      hint: 'Give the same --cluster-secret-file to each node; make one with: openssl rand -hex 32',
    });
  }
  const self = () => {
    const grpc = address();
    const http = httpAddress();
    if (grpc === undefined || http === undefined) {
      throw new QuorateError('UNAVAILABLE', 'this node does not listen, so it cannot be a member of a group');
    }
    const host = advertiseAddress ?? grpc.host;
    return { host, port: grpc.port, httpUrl: httpUrlOf(http, advertiseAddress, isSecure), zone };
  };
  const peers = new GrpcGroupPeers(transport, runtime.clock, clusterSecret);
  const { onRoleChange: command, roleChangeWebhook: webhook } = settings;
  const hooks = new RoleHooks({ command, webhook, nodeName: identity.nodeName, runtime });
  const coordinator = new ObservedCoordinator(opened, runtime.clock);
  return new Groups({ coordinator, peers, databases, identity, runtime, self, hooks, onPrimary, maxGroups });
}
