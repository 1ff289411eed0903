import type {
  GroupAcks,
  GroupConfig,
  GroupMember,
  KnownLeader,
  MemberPosition,
  MemberView,
} from '../../../cluster/interface.ts';
import { promotionNumbers } from '../../../cluster/interface.ts';
import { defaultAckSettings } from '../../../database/interface.ts';
import { QuorateError } from '../../../errors/interface.ts';
import type * as wire from '../../../proto/interface.ts';
import { ackLevelOf } from '../ack-settings.ts';

/** A group as it is told to people and other nodes. */
export function wireGroup(config: GroupConfig, leader: KnownLeader | undefined): wire.Group {
  const { database, databaseId, members, acks, failover, pausedUntilMs = 0, newDatabases = false } = config;
  const { dataMembers, holders, answers } = promotionNumbers(config);
  return {
    database,
    databaseId,
    members: members.map((member) => ({ ...member })),
    acks: wireAcks(acks),
    automatic: failover.automatic,
    maxLag: failover.maxLag,
    leaseMs: failover.leaseMs,
    pausedUntilMs,
    leader: leader?.member.nodeId ?? '',
    term: leader?.term ?? 0,
    dataMembers,
    holders,
    answers,
    newDatabases,
  };
}

function wireAcks({ level, whenShort, degradeAfterMs, timeoutMs }: GroupAcks): wire.GroupAcks {
  return { level: level.kind, acks: 'acks' in level ? level.acks : 0, whenShort, degradeAfterMs, timeoutMs };
}

/** What was asked for, over what there is. @throws QuorateError INVALID_ARGUMENT */
export function groupAcks(asked: wire.GroupAcks | undefined, before?: GroupAcks): GroupAcks {
  const { level, whenShort, degradeAfterMs, timeoutMs } = before ?? {
    ...defaultAckSettings,
    level: { kind: 'quorum' },
  };
  if (asked === undefined) {
    return { level, whenShort, degradeAfterMs, timeoutMs };
  }
  if (asked.whenShort !== '' && asked.whenShort !== 'block' && asked.whenShort !== 'degrade') {
    throw new QuorateError('INVALID_ARGUMENT', `${JSON.stringify(asked.whenShort)} is neither block nor degrade`);
  }
  return {
    level: ackLevelOf(asked) ?? level,
    whenShort: asked.whenShort === '' ? whenShort : asked.whenShort,
    degradeAfterMs: asked.degradeAfterMs || degradeAfterMs,
    timeoutMs: asked.timeoutMs || timeoutMs,
  };
}

export function memberOf(member: wire.GroupMember): GroupMember {
  const { nodeId, name, host, port, httpUrl, zone, priority, nofailover, nosync, witness, learner } = member;
  return { nodeId, name, host, port, httpUrl, zone, priority, nofailover, nosync, witness, learner };
}

export function wirePosition({
  promisedTerm,
  durable,
  committedTxId,
  appliedTxId,
}: MemberPosition): wire.MemberPosition {
  return { promisedTerm, durable: { ...durable, hash: Buffer.alloc(0) }, committedTxId, appliedTxId };
}

export function positionOf({ promisedTerm, durable, committedTxId, appliedTxId }: wire.MemberPosition): MemberPosition {
  const { txId = 0, term = 0 } = durable ?? {};
  return { promisedTerm, durable: { txId, term }, committedTxId, appliedTxId };
}

export function wireView({ nodeId, role, position, hears, leads }: MemberView): wire.MemberView {
  return {
    nodeId,
    role,
    position: position && wirePosition(position),
    heardTerm: hears?.term ?? 0,
    heardAgeMs: hears?.ageMs ?? 0,
    leadsTerm: leads?.term ?? 0,
  };
}

export function viewOf({ nodeId, role, position, heardTerm, heardAgeMs, leadsTerm }: wire.MemberView): MemberView {
  return {
    nodeId,
    role: role === 'primary' || role === 'witness' ? role : 'replica',
    position: position && positionOf(position),
    hears: heardTerm === 0 ? undefined : { term: heardTerm, ageMs: heardAgeMs },
    leads: leadsTerm === 0 ? undefined : { term: leadsTerm },
  };
}
