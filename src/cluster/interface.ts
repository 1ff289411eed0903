/** The public face of the `cluster` layer: who is primary, and how that changes. */
export type {
  CommitAnswer,
  Coordinator,
  CoordinatorChange,
  CoordinatorCondition,
  CoordinatorEntry,
  CoordinatorLease,
  CoordinatorListener,
  CoordinatorView,
} from './coordinator.ts';
export { maxCoordinatorEntries, maxCoordinatorValueBytes } from './coordinator.ts';
export type { Decision, ElectionKind, Rule, Vote } from './decision.ts';
export { type GroupState, GroupStore, groupNames, watchGroupNames } from './group-store.ts';
export type { KnownLeader } from './known-leader.ts';
export { Leadership } from './leadership.ts';
export { Membership, type MembershipOptions } from './membership.ts';
export { type CoordinatorUsage, ObservedCoordinator } from './observed-coordinator.ts';
export { type CoordinatorSettings, openCoordinator } from './open-coordinator.ts';
export { checkConfig, countsForAcks, leaderAcks, type PromotionNumbers, promotionNumbers } from './promotion-rules.ts';
export { reconfigure } from './reconfiguration.ts';
export { type SwitchoverReport, type SwitchoverRequest, switchOver } from './switchover.ts';
export type {
  FailoverSettings,
  GroupAcks,
  GroupConfig,
  GroupMember,
  GroupPeers,
  LeaderSign,
  MemberDatabase,
  MemberPosition,
  MemberView,
  PlannedSwitch,
} from './types.ts';
