import type { SerializedError } from '../errors/interface.ts';
import type { KeyRange, RangeDigest, RangeLimits, RowLimits, RowPage, SnapshotOverview } from '../sqlite/interface.ts';

/** What can be asked of a pinned snapshot, and what it answers. */
export interface SnapshotCalls {
  overview: { request: Record<string, never>; answer: SnapshotOverview };
  ranges: { request: { table: string; after: Uint8Array; limits: RangeLimits }; answer: RangeDigest[] };
  measure: { request: { table: string; ranges: readonly KeyRange[] }; answer: RangeDigest[] };
  rows: { request: { table: string; range: KeyRange; limits: RowLimits }; answer: RowPage };
}

export type SnapshotCall = keyof SnapshotCalls;

/** What a verification thread is asked. `open` prepares all that can be, `pin` takes the snapshot, `close` ends the thread. */
export type VerificationRequest =
  | { readonly id: number; readonly call: 'open' | 'pin' | 'close' }
  | {
      [K in SnapshotCall]: { readonly id: number; readonly call: K; readonly request: SnapshotCalls[K]['request'] };
    }[SnapshotCall];

export type VerificationAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: SerializedError };

export interface VerificationStart {
  /** The SQLite file. */
  readonly file: string;
}
