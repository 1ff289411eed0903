import type { MemberView, ReadPreference } from './types.ts';

/** What is known of a node that could answer a read. */
export interface Candidate {
  readonly isPrimary: boolean;
  readonly isExcluded: boolean;
  readonly latencyMs: number | undefined;
  readonly member: Pick<MemberView, 'zone' | 'lagMs' | 'lagTransactions' | 'state'> | undefined;
}

export interface Wish {
  readonly preference: ReadPreference;
  readonly zone: string | undefined;
  /** Counts the reads. */
  readonly turn: number;
}

/** States of a replica that shows something, and goes on to show more. */
const fitStates: ReadonlySet<string> = new Set(['streaming', 'open']);

/**
 * The nodes in the order in which a read tries them. Those that have failed come last, and before them those that follow
 * nobody; latencies that differ by less than a tenth of a millisecond take turns.
 */
export function readOrder<C extends Candidate>(candidates: readonly C[], { preference, zone, turn }: Wish): C[] {
  const turned = candidates.map((_, i) => candidates[(i + turn) % candidates.length] as C);
  const costs = (candidate: C): readonly number[] => [
    Number(candidate.isExcluded),
    Number(candidate.member !== undefined && !fitStates.has(candidate.member.state) && !candidate.isPrimary),
    ...preferenceCosts(candidate, preference, zone),
  ];
  return turned
    .map((candidate) => ({ candidate, cost: costs(candidate) }))
    .sort((a, b) => compare(a.cost, b.cost))
    .map(({ candidate }) => candidate);
}

function preferenceCosts(
  { isPrimary, latencyMs, member }: Candidate,
  preference: ReadPreference,
  zone: string | undefined,
): readonly number[] {
  switch (preference) {
    case 'primary':
      return [Number(!isPrimary)];
    case 'nearest': {
      const isFar = zone !== undefined && member?.zone !== zone;
      return [Number(isFar), Math.round((latencyMs ?? 0) * 10)];
    }
    case 'least-lag':
      return isPrimary ? [0, 0] : [member?.lagTransactions ?? Infinity, member?.lagMs ?? Infinity];
    case 'round-robin':
      return [];
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((cost, i) => cost !== b[i]);
  return at === -1 ? 0 : (a[at] as number) < (b[at] as number) ? -1 : 1;
}
