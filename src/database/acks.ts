import { QuorateError } from '../errors/interface.ts';
import type { AckLevel, AckSettings } from './types.ts';

/** A level in numbers: how many replicas must hold a transaction durably before it commits, and show it before the answer. */
export interface AckRule {
  readonly durable: number;
  readonly applied: number;
}

/** Asks for no more than either of the two. */
export function lowerOf(one: AckRule, other: AckRule): AckRule {
  return { durable: Math.min(one.durable, other.durable), applied: Math.min(one.applied, other.applied) };
}

export const asyncRule: AckRule = { durable: 0, applied: 0 };

export const defaultAckSettings: AckSettings = {
  level: { kind: 'async' },
  members: [],
  whenShort: 'block',
  degradeAfterMs: 10_000,
  timeoutMs: 30_000,
};

/** @throws QuorateError INVALID_ARGUMENT when the level can never be reached with the named members */
export function ruleOf(level: AckLevel, members: readonly string[]): AckRule {
  const rule = numbersOf(level, members.length);
  if (members.length > 0 && rule.durable > members.length) {
    throw new QuorateError(
      'INVALID_ARGUMENT',
      `${rule.durable} replicas must acknowledge, but only ${members.length} count`,
      {
        hint: 'Name more replicas, or ask for fewer acknowledgements.',
      },
    );
  }
  return rule;
}

/** @throws QuorateError INVALID_ARGUMENT when the level can never be reached with the named members */
export function checkAckSettings({ level, members }: AckSettings): void {
  ruleOf(level, members);
}

function numbersOf(level: AckLevel, members: number): AckRule {
  switch (level.kind) {
    case 'async':
      return asyncRule;
    case 'sync':
      return { durable: level.acks, applied: 0 };
    case 'applied':
      return { durable: level.acks, applied: level.acks };
    case 'quorum':
      if (members === 0) {
        throw new QuorateError('INVALID_ARGUMENT', 'a quorum needs the names of the replicas that count', {
          hint: 'Name them with --replication-sync-members, or give a number with --replication-sync-acks.',
        });
      }
      // The primary holds every transaction itself: with it, these make a majority of the group.
      return { durable: Math.floor((members + 1) / 2), applied: 0 };
  }
}

/** Some number of replicas that are to have everything up to a transaction; nothing is asked of none of them. */
export interface AckGoal {
  readonly count: number;
  readonly txId: number;
}

/** What the writer waits for now. */
export interface AckWish {
  readonly durable: AckGoal;
  readonly applied: AckGoal;
}

export const noGoal: AckGoal = { count: 0, txId: 0 };

/** What the replicas that count have: one number for each, the largest first. */
export interface AckState {
  readonly durable: readonly number[];
  readonly applied: readonly number[];
}

/** The transaction up to which at least `count` replicas have everything. */
export function reachedBy(positions: readonly number[], count: number): number {
  return count === 0 ? Number.MAX_SAFE_INTEGER : (positions[count - 1] ?? 0);
}
