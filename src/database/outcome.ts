import type { Position, ReplicationSource } from './types.ts';

/** What became of a transaction: shown, in the log and not yet acknowledged, or not in this history. */
export type TransactionOutcome = 'committed' | 'waiting' | 'absent';

/** Looks a transaction up whose client was not told what became of it. `term` is 0 when it is not known. */
export async function outcomeOf(source: ReplicationSource, { term, txId }: Position): Promise<TransactionOutcome> {
  const { tip, commit } = source.positions();
  const record = txId > 0 && txId <= tip ? await source.positionOf(txId) : undefined;
  if (record === undefined || (term !== 0 && record.term !== term)) {
    return 'absent';
  }
  return txId <= commit ? 'committed' : 'waiting';
}
