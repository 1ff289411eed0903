import type { AckSettings } from '../database/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import type { GroupConfig, GroupMember, MemberPosition } from './types.ts';

/** The numbers that decide whether somebody may become primary; docs/failover.md explains them. */
export interface PromotionNumbers {
  /** N: members whose acknowledgements count, the primary among them. */
  readonly dataMembers: number;
  /** W: how many of them hold whatever was acknowledged at the level of the group. */
  readonly holders: number;
  /** R: how many of them must answer, so that one who holds it is among them; more than N − W. */
  readonly answers: number;
  /** Members of any kind that must agree that there is no primary. */
  readonly votes: number;
}

/** Whether the acknowledgements of a member count. */
export function countsForAcks({ witness, nosync, learner }: GroupMember): boolean {
  return !witness && !nosync && !learner;
}

/** Whether a member becomes primary without being told to. */
export function mayBeElected(member: GroupMember): boolean {
  return countsForAcks(member) && !member.nofailover;
}

export function promotionNumbers({ members, acks }: Pick<GroupConfig, 'members' | 'acks'>): PromotionNumbers {
  const dataMembers = members.filter(countsForAcks).length;
  const holders = holdersOf(acks, dataMembers);
  const votes = members.length > 2 ? Math.floor(members.length / 2) + 1 : 1;
  return { dataMembers, holders, answers: dataMembers - holders + 1, votes };
}

/** A database that may fall to `async` by itself has at times only one who holds a transaction. */
function holdersOf({ level, whenShort }: GroupConfig['acks'], dataMembers: number): number {
  if (whenShort === 'degrade' || level.kind === 'async') {
    return 1;
  }
  return level.kind === 'quorum' ? Math.floor(dataMembers / 2) + 1 : level.acks + 1;
}

/** The settings with which a member leads: the others are those whose acknowledgements count. */
export function leaderAcks({ members, acks, database }: GroupConfig, leaderId: string): AckSettings {
  const others = members.filter((member) => countsForAcks(member) && member.nodeId !== leaderId);
  // Alone, a primary is its own majority; a level without members would count every replica.
  if (others.length === 0 && acks.level.kind === 'quorum') {
    return { ...acks, level: { kind: 'async' }, members: [] };
  }
  return { ...acks, members: others.map(({ nodeId }) => `${nodeId}/${database}`) };
}

/** @throws QuorateError INVALID_ARGUMENT for a group that could never commit, or whose members cannot be told apart */
export function checkConfig(config: GroupConfig): void {
  const { dataMembers, holders } = promotionNumbers(config);
  if (holders > dataMembers) {
    throw new QuorateError(
      'INVALID_ARGUMENT',
      `a transaction would need ${holders} holders, but only ${dataMembers} members of the group count`,
      { hint: 'Let more members join first, or ask for fewer acknowledgements.', details: { holders, dataMembers } },
    );
  }
  for (const key of ['nodeId', 'name'] as const) {
    const seen = new Set<string>();
    for (const member of config.members) {
      if (seen.has(member[key])) {
        throw new QuorateError('INVALID_ARGUMENT', `two members of the group have the ${key} ${member[key]}`, {
          hint: 'Give each node a name of its own (--node-name); a copied data folder needs a new node id.',
        });
      }
      seen.add(member[key]);
    }
  }
}

/** Negative when `one` is to be preferred: the log that goes further, then the priority, then the id. */
export function compareCandidates(one: Candidate, other: Candidate): number {
  return (
    other.position.durable.term - one.position.durable.term ||
    other.position.durable.txId - one.position.durable.txId ||
    other.member.priority - one.member.priority ||
    (one.member.nodeId < other.member.nodeId ? -1 : 1)
  );
}

export interface Candidate {
  readonly member: GroupMember;
  readonly position: MemberPosition;
}

/** Whether a log has something that another lacks. */
export function isAhead(one: MemberPosition, other: MemberPosition): boolean {
  return (
    one.durable.term > other.durable.term ||
    (one.durable.term === other.durable.term && one.durable.txId > other.durable.txId)
  );
}
