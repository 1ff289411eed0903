import type { SerializedError } from '../../errors/interface.ts';
import type { Statement, StatementResult } from '../../sqlite/interface.ts';

/** Statements that are run in one snapshot. */
export interface ReaderQuery {
  readonly filePath: string;
  readonly statements: readonly Statement[];
  readonly bigint: boolean;
  readonly maxBytes: number;
  readonly maxValueBytes: number | undefined;
  /** The statements are not run: only the columns are asked for. */
  readonly describe: boolean;
  /** The pinned snapshot to read; without it the newest content. */
  readonly snapshot?: number | undefined;
}

/** What a node asks a reader process. */
export type ReaderRequest =
  /** Run one after the other, and answered together. */
  | { readonly kind: 'queries'; readonly queries: readonly ReaderQuery[] }
  /** Pins the content as it is now. Answered without results. */
  | {
      readonly kind: 'pin';
      readonly filePath: string;
      readonly snapshot: number;
      readonly maxValueBytes: number | undefined;
    }
  /** Lets a pinned snapshot go; not answered. */
  | { readonly kind: 'unpin'; readonly snapshot: number }
  /** Closes the connection to a file; not answered. */
  | { readonly kind: 'release'; readonly filePath: string };

/** What is answered; a process is asked for one thing at a time. */
export type ReaderTask = Extract<ReaderRequest, { readonly kind: 'queries' | 'pin' }>;

/** What several reads in one snapshot gave. */
export interface ReadAnswer {
  readonly results: readonly StatementResult[];
  /** Last transaction that the snapshot shows. */
  readonly appliedTxId: number;
}

/** What became of a query. */
export type QueryOutcome =
  | { readonly kind: 'answer'; readonly answer: ReadAnswer }
  | { readonly kind: 'error'; readonly error: SerializedError };

export type ReaderReply =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'done';
      /** One for each query, in order. Fewer when the answers became large: the last queries were not run then. */
      readonly outcomes: readonly QueryOutcome[];
      /** Whether they took no time and no room worth speaking of, so that such queries may be sent together. */
      readonly wasQuick: boolean;
    };
