import process from 'node:process';

/** When a position became visible on a replica: a transaction id and nanoseconds of the clock that all processes share. */
export type AppliedMoment = readonly [txId: number, atNs: number];

/** What the benchmark asks its replica process. */
export type ReplicaRequest =
  | { readonly kind: 'wait'; readonly position: string }
  /** Begins to note when transactions after `position` become visible. */
  | { readonly kind: 'observe'; readonly position: string }
  /** Ends that and asks for what was noted. */
  | { readonly kind: 'moments' };

export type ReplicaReply =
  /** Records begin to flow; `connectedAtNs` is when the replica began to connect. */
  | { readonly kind: 'streaming'; readonly connectedAtNs: number }
  | { readonly kind: 'reached'; readonly atNs: number }
  | { readonly kind: 'moments'; readonly moments: readonly AppliedMoment[] }
  | { readonly kind: 'failed'; readonly reason: string };

export const nanosecondsPerSecond = 1e9;

/** Nanoseconds of a clock that never goes back and is the same for all processes of a machine. */
export function sharedClockNs(): number {
  return Number(process.hrtime.bigint());
}
