import { type Decision, type SwitchoverReport, switchOver } from '../../../cluster/interface.ts';
import { QuorateError } from '../../../errors/interface.ts';
import type * as wire from '../../../proto/interface.ts';
import type { Runtime } from '../../../runtime/interface.ts';
import type { GroupDatabase } from './group-database.ts';
import type { GrpcGroupPeers } from './group-peers.ts';
import type { Groups } from './groups.ts';

export interface GroupOrdersOptions {
  readonly groups: Groups;
  readonly peers: GrpcGroupPeers;
  readonly nodeId: string;
  readonly runtime: Runtime;
  readonly local: (database: string) => GroupDatabase;
}

/** What people order at any member, carried out where it must be. */
export class GroupOrders {
  readonly #options: GroupOrdersOptions;

  constructor(options: GroupOrdersOptions) {
    this.#options = options;
  }

  /** Hands the place of the primary to a member. @throws QuorateError WRONG_ROLE, WAIT_TIMEOUT, INVALID_ARGUMENT … */
  async switchOver(database: string, to: string, dryRun: boolean): Promise<SwitchoverReport> {
    const { groups, peers, runtime, nodeId, local } = this.#options;
    const membership = groups.get(database);
    const { leader } = membership;
    if (leader === undefined) {
      throw new QuorateError('WRONG_ROLE', `the group of ${database} has no primary that could hand its place over`, {
        hint: `If it does not come back: quorate failover ${database} --to NODE`,
      });
    }
    if (!leader.isSelf) {
      return await peers.switchOver(leader.member, { database, to, dryRun });
    }
    const context = { local: local(database), peers, runtime, nodeId };
    return await membership.hand((leadership, state) => switchOver(context, { to, dryRun }, leadership, state));
  }

  /** Makes a member primary whose primary is gone, or says whether it could be. The rule that forbids it is in the decision. */
  async failOver(request: wire.FailoverRequest): Promise<Decision> {
    const { groups, peers, nodeId } = this.#options;
    const { database, to, force, dryRun } = request;
    const membership = groups.get(database);
    const target = membership.config?.members.find((member) => member.nodeId === to || member.name === to);
    if (target === undefined) {
      throw new QuorateError('INVALID_ARGUMENT', `${to} is no member of the group`, {
        hint: `Members: ${membership.config?.members.map(({ name }) => name).join(', ')}`,
      });
    }
    if (target.nodeId !== nodeId) {
      return await peers.failOver(target, request);
    }
    return await membership.takeOver(force ? 'forced' : 'failover', dryRun);
  }
}
