import type { PromotionNumbers } from './promotion-rules.ts';
import type { MemberPosition, MemberView } from './types.ts';

/** Why somebody did not become primary; docs/failover.md lists them. */
export type Rule =
  | 'not-eligible'
  | 'paused'
  | 'automatic-off'
  | 'flapping'
  | 'no-data'
  | 'leader-alive'
  | 'leader-heard'
  | 'planned'
  | 'votes'
  | 'answers'
  | 'max-lag'
  | 'better-member'
  | 'race'
  | 'promises'
  | 'fetch'
  | 'failed';

export type ElectionKind = 'automatic' | 'switchover' | 'failover' | 'forced';

/** What one member said in an election. */
export interface Vote {
  readonly nodeId: string;
  readonly name: string;
  /** What it answered when it was asked; the code and text of the error when it did not. */
  readonly answer: string;
  readonly position?: Pick<MemberPosition, 'promisedTerm' | 'committedTxId'> & { term: number; txId: number };
  readonly promised?: boolean | undefined;
}

/** One election from the side of its candidate: everything that it was decided by. */
export interface Decision {
  readonly database: string;
  readonly kind: ElectionKind;
  readonly candidate: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly previousLeader: string;
  readonly previousTerm: number;
  /** Milliseconds for which the old primary had given no sign. */
  readonly silentMs: number;
  readonly numbers: PromotionNumbers;
  readonly votes: readonly Vote[];
  /** Of a primary that was made; neither this nor a refusal where it was only asked whether one could be. */
  readonly term?: number | undefined;
  readonly refusal?: { readonly rule: Rule; readonly message: string } | undefined;
  /** Members with data that answered, the candidate among them. */
  readonly answered: number;
  /** Transactions that the last sign of the old primary names and the new one lacks. */
  readonly mayLose: number;
  /** Milliseconds from the beginning to the end of each step. */
  readonly timings: Readonly<Record<string, number>>;
}

/** A journal with one more election, the last first. A refusal that concerns a primary already replaced comes after what replaced it. */
export function withDecision(journal: readonly Decision[], decision: Decision): readonly Decision[] {
  const isLate = ({ refusal, previousTerm }: Decision) =>
    decision.refusal !== undefined && refusal === undefined && decision.previousTerm <= previousTerm;
  const place = journal.findLastIndex(isLate) + 1;
  return [...journal.slice(0, place), decision, ...journal.slice(place)];
}

/** What of a position is written down. */
export function told({ promisedTerm, committedTxId, durable }: MemberPosition): NonNullable<Vote['position']> {
  return { promisedTerm, committedTxId, term: durable.term, txId: durable.txId };
}

/** The answer of a member, for people. */
export function describeView({ role, leads, hears }: MemberView): string {
  if (leads !== undefined) {
    return `primary of term ${leads.term}`;
  }
  return hears === undefined ? role : `${role}, heard term ${hears.term} ${Math.round(hears.ageMs)} ms ago`;
}
