import type { Database } from '../../database/interface.ts';
import type { LossStatus } from '../../proto/interface.ts';
import type { AttachedReplica } from '../../replication/interface.ts';

interface Holder {
  readonly replicaName: string;
  readonly durableTxId: number;
}

/**
 * What would be gone if a primary and its disk died now: the committed transactions that no replica has confirmed. A replica
 * that is away counts with what it had confirmed.
 */
export function lossStatus(database: Database, attached: readonly AttachedReplica[]): LossStatus {
  const { commit } = database.positions();
  const known: readonly Holder[] = [...attached, ...database.gauges.storage().holds];
  const best = known.reduce<Holder | undefined>(
    (most, holder) => (most === undefined || holder.durableTxId > most.durableTxId ? holder : most),
    undefined,
  );
  const transactions = Math.max(0, commit - (best?.durableTxId ?? 0));
  return { transactions, replicaName: best?.replicaName ?? '', summary: summaryOf(commit, transactions, best) };
}

function summaryOf(commit: number, transactions: number, best: Holder | undefined): string {
  if (commit === 0) {
    return 'nothing: there is nothing yet';
  }
  if (best === undefined) {
    return `everything (${counted(transactions)}): no replica has followed yet`;
  }
  return transactions === 0
    ? `nothing: ${best.replicaName} holds every committed transaction`
    : `the last ${counted(transactions)}, from ${commit - transactions + 1} to ${commit}: ${best.replicaName} holds all before`;
}

function counted(transactions: number): string {
  return transactions === 1 ? '1 transaction' : `${transactions} transactions`;
}
