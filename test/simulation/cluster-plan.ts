import {
  type AckSettings,
  type DatabaseLimits,
  type DatabaseSettings,
  defaultAckSettings,
  defaultDatabaseLimits,
} from '../../src/database/interface.ts';
import { defaultReplicationLimits, type ReplicationLimits } from '../../src/replication/interface.ts';
import type { Chance } from './chance.ts';

/** What a seed makes of a cluster. */
export interface ClusterPlan {
  /** Whom the third node follows at first. */
  readonly followed: 'anna' | 'bert';
  /** When the third node is made, in milliseconds: a new replica of a database that has content. */
  readonly joinsAfterMs: number;
  readonly acks: AckSettings | undefined;
  /** Whether the level is changed now and then, and transactions ask for other ones. */
  readonly mixesLevels: boolean;
  /** How often another node becomes primary at most. */
  readonly failovers: number;
  /** Whether writes are lost with a primary that had them alone. */
  readonly mayLose: boolean;
  readonly sendsEagerly: boolean;
  readonly windowBytes: number;
  /** Part of the writes that are random SQL of every kind. */
  readonly randomShare: number;
  /** Mean time between two faults, in milliseconds. */
  readonly faultIntervalMs: number;
  readonly databaseLimits: DatabaseLimits;
  readonly replicationLimits: ReplicationLimits;
}

export function planCluster(chance: Chance): ClusterPlan {
  const followed = chance.pick(['anna', 'bert'] as const);
  const failovers = chance.happens(0.4) ? chance.integer(1, 3) : 0;
  const acks = chance.happens(0.3) ? undefined : ackSettings(chance, failovers > 0, followed === 'anna');
  const mayLose = failovers > 0 && acks === undefined;
  return {
    followed,
    failovers,
    joinsAfterMs: chance.pick([0, 2_000, 10_000]),
    acks,
    mayLose,
    mixesLevels: failovers === 0 && chance.happens(0.5),
    sendsEagerly: chance.happens(0.5),
    windowBytes: chance.pick([4_096, 65_536]),
    randomShare: chance.pick([0, 0.5]),
    faultIntervalMs: chance.pick([300, 1_500, 5_000]),
    // What was lost can be taken back only as far as the log goes.
    databaseLimits: { ...databaseLimits(chance), ...(mayLose && keepsLog) },
    replicationLimits: replicationLimits(chance),
  };
}

/** Settings that two replicas, or one where the other follows it, can fulfil when they are there. */
export function ackSettings(chance: Chance, isKept: boolean, bothCount: boolean): AckSettings {
  const both = { level: { kind: 'sync', acks: 2 } } as const;
  const chosen = chance.pick<Partial<AckSettings>>([
    { level: { kind: 'sync', acks: 1 } },
    { level: { kind: 'applied', acks: 1 } },
    ...(bothCount ? [{ level: { kind: 'quorum' }, members: ['anna', 'bert', 'cleo'] } as const] : []),
    ...(isKept ? [] : [{ level: { kind: 'sync', acks: 1 }, members: ['bert'] } as const, both]),
    ...(bothCount && !isKept ? [both, { level: { kind: 'applied', acks: 2 } } as const] : []),
  ]);
  return {
    ...defaultAckSettings,
    ...chosen,
    whenShort: isKept || chance.happens(0.7) ? 'block' : 'degrade',
    degradeAfterMs: chance.pick([100, 1_000]),
    timeoutMs: chance.pick([200, 3_000]),
  };
}

export function primarySettings(acks: AckSettings | undefined): DatabaseSettings {
  const settings: DatabaseSettings = { role: 'primary', term: 1, replication: { enabled: false } };
  return acks === undefined ? settings : { ...settings, acks };
}

export function replicaSettings(host: string): DatabaseSettings {
  const upstream = { host, port: 3322, database: 'db', username: 'admin', password: 'secret' };
  return { role: 'replica', term: 0, replication: { enabled: true, upstream } };
}

/** What was lost can be taken back only as far as the log goes. */
export const keepsLog = {
  logRetentionBytes: defaultDatabaseLimits.logRetentionBytes,
  logRetentionMaxBytes: defaultDatabaseLimits.logRetentionMaxBytes,
};

/** Limits so small that a short run meets them all. */
export function databaseLimits(chance: Chance): DatabaseLimits {
  const retained = chance.pick([1, 30_000, defaultDatabaseLimits.logRetentionBytes]);
  return {
    ...defaultDatabaseLimits,
    maxGroupTransactions: chance.pick([1, 4, 64]),
    maxGroupBytes: chance.pick([1_000, 100_000]),
    transactionIdleTimeoutMs: 500,
    transactionTotalTimeoutMs: 2_000,
    logSegmentBytes: chance.pick([8_192, 65_536, 1_048_576]),
    logRetentionBytes: retained,
    logRetentionMaxBytes: Math.max(retained, chance.pick([20_000, defaultDatabaseLimits.logRetentionMaxBytes])),
    tailCacheBytes: chance.pick([1, 10_000, 1_000_000]),
    maxUnappliedBytes: chance.pick([1, 10_000, 1_000_000]),
    maxApplyRecords: chance.pick([1, 5, 100]),
    maxApplyBytes: chance.pick([1_000, 100_000]),
    snapshotTtlMs: chance.pick([100, 20_000]),
  };
}

export function replicationLimits(chance: Chance): ReplicationLimits {
  return {
    ...defaultReplicationLimits,
    exportBatchBytes: chance.pick([1, 4_000, 100_000]),
    exportMessageBytes: chance.pick([300, 4_000, 100_000]),
    receiveWindowBytes: chance.pick([1, 10_000, 1_000_000]),
    snapshotChunkBytes: chance.pick([8_192, 100_000]),
    snapshotSeedBytes: chance.pick([1, 30_000, defaultReplicationLimits.snapshotSeedBytes]),
  };
}
