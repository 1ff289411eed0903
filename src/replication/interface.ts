/** The public face of the `replication` layer: following a database and being followed. */
export { Exporter, type ExporterOptions } from './exporter.ts';
export { errorFromGrpc, errorToGrpc } from './grpc-errors.ts';
export { GrpcReplicationTransport } from './grpc-transport.ts';
export { LagMeter, newLagMeter } from './lag-meter.ts';
export { defaultReplicationLimits, type ReplicationLimits } from './limits.ts';
export { findParting, type HashedHistory, type Parting } from './parting.ts';
export { type ReplicaIdentity, ReplicaSession, type ReplicaSessionOptions } from './replica-session.ts';
export { Replicator, type ReplicatorOptions } from './replicator.ts';
export { Seeding, type SeedingOptions } from './seeding.ts';
export { sessionFeedModule } from './session-feed.ts';
export { ProgressMeter } from './snapshot-progress.ts';
export type {
  AttachedReplica,
  ChannelListener,
  ExportStream,
  LagReport,
  MessageChannel,
  ReplicationTransport,
  ReplicatorState,
  ReplicatorStatus,
  SnapshotProgress,
  SnapshotTransport,
  UpstreamDirectory,
} from './types.ts';
export { ownPath } from './upstream-path.ts';
