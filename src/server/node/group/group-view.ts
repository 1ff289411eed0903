import type { GroupMember, Membership } from '../../../cluster/interface.ts';
import type { StatusResponse } from '../../../proto/interface.ts';
import type { Runtime } from '../../../runtime/interface.ts';
import { attachedMember, selfMember } from '../cluster-member.ts';
import type { ClusterMember, ClusterReport, ClusterView } from '../cluster-view.ts';

export interface GroupViewOptions {
  readonly runtime: Runtime;
  readonly status: (database: string) => StatusResponse;
  readonly membership: (database: string) => Pick<Membership, 'config' | 'leader'> | undefined;
}

/** The view of a member of a group: the group knows its members, and who is primary. */
export class GroupView implements ClusterView {
  readonly #standalone: ClusterView;
  readonly #options: GroupViewOptions;

  /** @param standalone for databases that are in no group */
  constructor(standalone: ClusterView, options: GroupViewOptions) {
    this.#standalone = standalone;
    this.#options = options;
  }

  async report(name: string): Promise<ClusterReport> {
    const { runtime, status, membership } = this.#options;
    const { config, leader } = membership(name) ?? {};
    if (config === undefined) {
      return await this.#standalone.report(name);
    }
    const own = status(name);
    return {
      database: name,
      databaseId: config.databaseId,
      nodeId: own.nodeId,
      term: leader?.term ?? 0,
      primary: leader?.member.nodeId ?? null,
      asOfMs: Math.floor(runtime.clock.nowMs()),
      members: config.members.map((member) => memberOf(member, own, leader?.member.nodeId)),
    };
  }

  confirmLeadership(name: string): Promise<void> {
    return this.#standalone.confirmLeadership(name);
  }
}

function memberOf(
  { nodeId, name, httpUrl, zone, witness, nosync }: GroupMember,
  own: StatusResponse,
  leaderId: string | undefined,
): ClusterMember {
  const role = witness ? 'witness' : nodeId === leaderId ? 'primary' : 'replica';
  const unknown = { state: '', lagMs: null, lagTransactions: null, txId: 0, isSync: false };
  const identity = { nodeId, name, httpUrl, zone, role } as const;
  const known = knownOf(nodeId, own) ?? unknown;
  return { ...known, ...identity, isSync: known.isSync && !nosync };
}

/** This node knows how it stands with itself, and with those who follow it. */
function knownOf(nodeId: string, own: StatusResponse): ClusterMember | undefined {
  const [status] = own.databases;
  if (status === undefined || nodeId === own.nodeId) {
    return status && selfMember(own, status, true);
  }
  const attached = status.replicas.find(({ replicaId }) => replicaId.startsWith(`${nodeId}/`));
  return attached && attachedMember(attached, status);
}
