import type { GroupConfig, GroupMember } from '../../../cluster/interface.ts';
import type { Database } from '../../../database/interface.ts';
import { QuorateError } from '../../../errors/interface.ts';
import type { ChangeGroupRequest, CreateGroupRequest } from '../../../proto/interface.ts';
import { systemDatabaseName } from '../../auth/permissions.ts';
import { groupAcks, memberOf } from './group-wire.ts';

/** Milliseconds that a primary is trusted without a sign of life. */
const leaseLimits = { min: 500, default: 1_500, max: 60_000 };

const maxPauseMs = 7 * 24 * 3_600_000;

/** A request that changes nothing. */
export const noChange: ChangeGroupRequest = { database: '', remove: '', clearMaxLag: false, leaseMs: 0 };

/** The name of a member that calls itself otherwise now; the one before while another member has the new one. */
export function freeName({ members }: GroupConfig, own: GroupMember, wanted: string): string {
  return members.some(({ nodeId, name }) => nodeId !== own.nodeId && name === wanted) ? own.name : wanted;
}

/** A group that is no more. */
export function noGroup(database: string): GroupConfig {
  const failover = { automatic: false, leaseMs: leaseLimits.default };
  return { database, databaseId: '', termBase: 0, members: [], acks: groupAcks(undefined), failover };
}

/** What may be said while there is no primary. */
export function isPause({ pauseMs, member, remove, acks, leaseMs }: ChangeGroupRequest): boolean {
  return pauseMs !== undefined && member === undefined && remove === '' && acks === undefined && leaseMs === 0;
}

/** The identity of a database as its group has it. */
export function hexId({ databaseId = new Uint8Array() }: Pick<Database, 'databaseId'>): string {
  return Buffer.from(databaseId).toString('hex');
}

type OwnMember = Pick<GroupMember, 'nodeId' | 'name' | 'host' | 'port' | 'httpUrl' | 'zone'>;

/** A group of one. @throws QuorateError INVALID_ARGUMENT */
export function newConfig(request: CreateGroupRequest, own: OwnMember, database: Database): GroupConfig {
  const { self, acks, automatic = true, maxLag, leaseMs, newDatabases } = request;
  checkNewDatabases(request.database, newDatabases);
  const { priority = 0, nofailover = false } = self ?? {};
  return {
    database: request.database,
    databaseId: hexId(database),
    termBase: database.positions().term,
    members: [{ ...own, priority, nofailover, nosync: false, witness: false, learner: false }],
    acks: groupAcks(acks),
    failover: { automatic, maxLag, leaseMs: checkLease(leaseMs || leaseLimits.default) },
    newDatabases,
  };
}

/**
 * The group of a database that was just made on a member of a group for all databases: the same members and rules. The others
 * are learners until they have the database.
 */
export function sameGroup(all: GroupConfig, own: GroupMember, database: Database, name: string): GroupConfig {
  const others = all.members.filter(({ nodeId }) => nodeId !== own.nodeId);
  return {
    database: name,
    databaseId: hexId(database),
    termBase: database.positions().term,
    members: [own, ...others.map((member) => ({ ...member, learner: !member.witness }))],
    acks: all.acks,
    failover: all.failover,
  };
}

/** What a group is after a request. @throws QuorateError INVALID_ARGUMENT */
export function changedConfig(config: GroupConfig, request: ChangeGroupRequest, nowMs: number): GroupConfig {
  const { member, remove, acks, automatic, maxLag, clearMaxLag, leaseMs, pauseMs, newDatabases } = request;
  const { failover, pausedUntilMs } = config;
  checkNewDatabases(config.database, newDatabases);
  return {
    ...config,
    members: changedMembers(config, member && memberOf(member), remove),
    acks: groupAcks(acks, config.acks),
    failover: {
      automatic: automatic ?? failover.automatic,
      maxLag: clearMaxLag ? undefined : (maxLag ?? failover.maxLag),
      leaseMs: leaseMs === 0 ? failover.leaseMs : checkLease(leaseMs),
    },
    pausedUntilMs: pauseMs === undefined ? pausedUntilMs : pauseEnd(pauseMs, nowMs),
    newDatabases: newDatabases ?? config.newDatabases,
  };
}

function checkNewDatabases(database: string, newDatabases: boolean | undefined): void {
  if (newDatabases !== undefined && database !== systemDatabaseName) {
    throw new QuorateError('INVALID_ARGUMENT', `only the group of ${systemDatabaseName} is for new databases, too`);
  }
}

function changedMembers(
  { members }: GroupConfig,
  member: GroupMember | undefined,
  remove: string,
): readonly GroupMember[] {
  if (remove !== '' && !members.some(({ nodeId, name }) => nodeId === remove || name === remove)) {
    throw new QuorateError('INVALID_ARGUMENT', `${remove} is no member of the group`, {
      hint: `Members: ${members.map(({ name }) => name).join(', ')}`,
    });
  }
  const kept = members.filter(({ nodeId, name }) => nodeId !== remove && name !== remove);
  if (member === undefined) {
    return kept;
  }
  const isKnown = kept.some(({ nodeId }) => nodeId === member.nodeId);
  return isKnown ? kept.map((one) => (one.nodeId === member.nodeId ? member : one)) : [...kept, member];
}

function checkLease(leaseMs: number): number {
  if (leaseMs < leaseLimits.min || leaseMs > leaseLimits.max) {
    throw new QuorateError('INVALID_ARGUMENT', `a lease lasts ${leaseLimits.min} to ${leaseLimits.max} ms`);
  }
  return leaseMs;
}

function pauseEnd(pauseMs: number, nowMs: number): number | undefined {
  if (pauseMs > maxPauseMs) {
    throw new QuorateError('INVALID_ARGUMENT', `failover can be paused for at most ${maxPauseMs} ms`);
  }
  return pauseMs === 0 ? undefined : nowMs + pauseMs;
}
