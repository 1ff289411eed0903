import type {
  Database,
  DatabaseFailure,
  DatabaseLimits,
  DatabasePositions,
  DatabaseSettings,
} from '../../database/interface.ts';
import type {
  DatabaseStatus,
  ErrorInfo,
  ReplicationSettings,
  StorageStatus,
  ScrubStatus as WireScrubStatus,
} from '../../proto/interface.ts';
import type { ReplicatorStatus } from '../../replication/interface.ts';
import { wireAcks } from './ack-settings.ts';
import { type NodeAddress, resolveUpstream } from './follow-settings.ts';
import { lossStatus } from './loss-status.ts';
import type { ManagedDatabase } from './managed-database.ts';
import type { ScrubStatus } from './scrubber.ts';

const nothing: DatabasePositions = { tip: 0, durable: 0, commit: 0, applied: 0, term: 0 };

/** Where a database stands, for the wire, HTTP and metrics. It holds no secret. */
export function databaseStatus(
  managed: ManagedDatabase,
  own: NodeAddress | undefined,
  limits: DatabaseLimits,
): DatabaseStatus {
  const { opened, settings, replicatorStatus, scrubStatus, failure } = managed;
  const positions = opened?.positions() ?? nothing;
  return {
    database: managed.name,
    role: settings?.role ?? '',
    state: managed.state,
    databaseId: Buffer.from(opened?.databaseId ?? []),
    term: positions.term,
    tipTxId: positions.tip,
    durableTxId: positions.durable,
    commitTxId: positions.commit,
    appliedTxId: positions.applied,
    logSizeBytes: opened?.logSizeBytes() ?? 0,
    replicator: replicatorStatus && replicatorInfo(replicatorStatus, settings?.replication.delayMs ?? 0),
    replicas: managed.attachedReplicas.map((replica) => ({ ...replica })),
    lastError: errorInfo(failure),
    ...ackStatus(opened),
    storage: opened && storageStatus(opened, limits),
    scrub: scrubStatus && scrubInfo(scrubStatus),
    loss: opened && settings?.role === 'primary' ? lossStatus(opened, managed.attachedReplicas) : undefined,
    replication: settings && replicationSettings(settings, own),
  };
}

function ackStatus(opened: Database | undefined): Pick<DatabaseStatus, 'acks' | 'ackStatus' | 'degradations'> {
  if (opened?.settings.role !== 'primary') {
    return { acks: undefined, ackStatus: '', degradations: 0 };
  }
  const { status, degradations } = opened.ackReport();
  return { acks: wireAcks(opened.settings.acks), ackStatus: status, degradations };
}

function replicatorInfo({ lastError, snapshot, staleMs, ...status }: ReplicatorStatus, delayMs: number) {
  return { ...status, lastError: errorInfo(lastError), snapshot: snapshot && { ...snapshot }, delayMs };
}

function storageStatus(database: Database, limits: DatabaseLimits): StorageStatus {
  const { firstTxId, databaseBytes, freeBytes, holds } = database.gauges.storage();
  return {
    firstTxId,
    databaseSizeBytes: databaseBytes,
    retentionBytes: limits.logRetentionBytes,
    retentionMaxBytes: limits.logRetentionMaxBytes,
    retentionAgeMs: limits.logRetentionAgeMs,
    freeBytes,
    minFreeBytes: limits.minFreeBytes,
    holds: holds.map((hold) => ({ ...hold, seenAtMs: Math.floor(hold.seenAtMs) })),
  };
}

function scrubInfo({ alarm, alarmAtMs, ...status }: ScrubStatus): WireScrubStatus {
  const { finishedAtMs, durationMs, nextAtMs, periodMs } = status;
  return {
    ...status,
    finishedAtMs: Math.floor(finishedAtMs),
    durationMs: Math.round(durationMs),
    nextAtMs: Math.floor(nextAtMs),
    periodMs: Math.round(periodMs),
  };
}

function errorInfo(failure: DatabaseFailure | undefined): ErrorInfo | undefined {
  return failure && { ...failure };
}

function replicationSettings(
  { replication }: DatabaseSettings,
  own: NodeAddress | undefined,
): ReplicationSettings | undefined {
  const { enabled, upstream, delayMs = 0, forwardWrites = false, followed } = replication;
  if (upstream === undefined) {
    return undefined;
  }
  const { host, port, database, username } = own === undefined ? upstream : resolveUpstream(upstream, own);
  return {
    enabled,
    primaryHost: host,
    primaryPort: port,
    primaryDatabase: database,
    primaryUsername: username,
    primaryPassword: '',
    delayMs,
    forwardWrites,
    followed: followed !== undefined,
  };
}
