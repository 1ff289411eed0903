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
export { type CoordinatorSettings, openCoordinator } from './open-coordinator.ts';
