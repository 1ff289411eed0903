import { asQuorateError, QuorateError } from '../errors/interface.ts';
import type {
  CapturedTransaction,
  KeyedTransaction,
  PrimaryConnection,
  Statement,
  StatementResult,
} from '../sqlite/interface.ts';
import type { AckRule } from './acks.ts';
import type { SharedPositions } from './shared-positions.ts';
import type { WritePart, WriteTrace } from './write-trace.ts';
import { type CompactResult, compactResult } from './writer-messages.ts';

/** A client's transaction that waits for its group. Exactly one of `succeed` and `fail` is called, once. */
export interface PendingTransaction {
  readonly statements: readonly Statement[];
  readonly bigint: boolean;
  /** Idempotency key, if it has one. */
  readonly key?: string | undefined;
  /** Acknowledgements that it waits for. */
  readonly acks: AckRule;
  /** When a client's transaction arrived, by the monotonic clock; absent for what no client waits for. */
  readonly sinceMs?: number | undefined;
  /** Only of a traced one. */
  readonly trace?: WriteTrace | undefined;
  /** `acks`: replicas that held it durably when it was answered. `parts`: of a traced one. */
  succeed(
    term: number,
    txId: number,
    results: readonly CompactResult[],
    acks: number,
    parts?: readonly WritePart[],
  ): void;
  fail(error: QuorateError): void;
}

/** A transaction that ran inside the open group and waits for the log. */
export interface ExecutedTransaction {
  readonly pending: Pick<PendingTransaction, 'succeed' | 'fail' | 'acks' | 'key' | 'sinceMs' | 'trace'>;
  readonly results: readonly CompactResult[];
  /** Its own id; that of the last one before it when it changed nothing; that of the earlier one that it repeats. */
  readonly txId: number;
  /** Of an earlier one that it repeats. */
  readonly term?: number | undefined;
}

export function failAll(executed: readonly ExecutedTransaction[], error: QuorateError): void {
  for (const { pending } of executed) {
    pending.fail(error);
  }
}

/** Counts the idempotency keys of transactions that are committed. */
export function countKeys(executed: readonly ExecutedTransaction[], positions: Pick<SharedPositions, 'add'>): void {
  for (const { pending, term } of executed) {
    if (pending.key !== undefined) {
      positions.add(term === undefined ? 'keysTaken' : 'keysRepeated', 1);
    }
  }
}

/** What a client transaction did, or the earlier one that took its idempotency key. */
export type TransactionRun =
  | { readonly results: CompactResult[]; readonly captured: CapturedTransaction }
  | { readonly repeats: KeyedTransaction };

/**
 * Runs one client transaction inside the open group. Throws with the group as it was before, or with no group at all.
 * `next` is what its record will be, if it makes one.
 */
export function runTransaction(
  connection: PrimaryConnection,
  pending: PendingTransaction,
  next: Omit<KeyedTransaction, 'key'>,
): TransactionRun {
  const { key } = pending;
  const earlier = key === undefined ? undefined : connection.findKey(key, next.timeMs);
  if (earlier !== undefined) {
    return { repeats: earlier };
  }
  connection.beginClient();
  try {
    const results: CompactResult[] = [];
    for (const statement of pending.statements) {
      results.push(compactResult(runNumbered(connection, statement, pending.bigint, results.length)));
    }
    return { results, captured: connection.endClient(key === undefined ? undefined : { key, ...next }) };
  } catch (error) {
    if (connection.inTransaction) {
      connection.abortClient();
    }
    throw error;
  }
}

/** The error of a statement tells which one it was. */
function runNumbered(
  connection: PrimaryConnection,
  request: Statement,
  bigint: boolean,
  statement: number,
): StatementResult {
  try {
    return connection.run(request, { bigint });
  } catch (thrown) {
    const { code, message, hint, details } = asQuorateError(thrown);
    throw new QuorateError(code, message, { hint, details: { ...details, statement }, cause: thrown });
  }
}
