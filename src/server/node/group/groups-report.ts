import type { CoordinatorUsage } from '../../../cluster/interface.ts';
import type { RoleHooks } from './role-hooks.ts';

/** One group as this node sees it. */
export interface GroupReport {
  readonly database: string;
  /** 0 while nobody is known to be primary. */
  readonly term: number;
  readonly members: number;
  readonly hasLeader: boolean;
  /** Whether this node may answer as its primary now. */
  readonly isLeading: boolean;
  /** Whether it does so although the coordinator cannot be reached. */
  readonly isFailsafe: boolean;
}

export interface GroupsReport {
  readonly groups: readonly GroupReport[];
  readonly hooks: ReturnType<RoleHooks['counts']>;
  readonly coordinator: CoordinatorUsage;
}
