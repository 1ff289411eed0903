import type { SerializedError } from '../../errors/interface.ts';
import type { Statement, StatementResult } from '../../sqlite/interface.ts';

/** What a node asks a reader process; requests are answered in order, one at a time. */
export type ReaderRequest =
  | {
      readonly kind: 'query';
      readonly filePath: string;
      readonly statements: readonly Statement[];
      readonly bigint: boolean;
      readonly maxBytes: number;
      /** The statements are not run: only the columns are asked for. */
      readonly describe: boolean;
      /** The pinned snapshot to read; without it the newest content. */
      readonly snapshot?: number | undefined;
    }
  /** Pins the content as it is now. Answered without results. */
  | { readonly kind: 'pin'; readonly filePath: string; readonly snapshot: number }
  /** Lets a pinned snapshot go; not answered. */
  | { readonly kind: 'unpin'; readonly snapshot: number }
  /** Closes the connection to a file; not answered. */
  | { readonly kind: 'release'; readonly filePath: string };

/** What several reads in one snapshot gave. */
export interface ReadAnswer {
  readonly results: readonly StatementResult[];
  /** Last transaction that the snapshot shows. */
  readonly appliedTxId: number;
}

export type ReaderReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer'; readonly answer: ReadAnswer }
  | { readonly kind: 'error'; readonly error: SerializedError };
