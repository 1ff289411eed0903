import type { Violation } from './operation.ts';

/** A node has committed a transaction. */
export interface CommitEvent {
  readonly node: string;
  readonly term: number;
  readonly txId: number;
  /** Hash of the record, in any form in which equal hashes are equal strings. */
  readonly hash: string;
  /** Whether it committed as primary, or followed one. */
  readonly role: 'primary' | 'replica';
}

/** A transaction that was committed, lost in a failover that may lose it, and saved in a file. */
export type SavedTransaction = Pick<CommitEvent, 'txId' | 'hash'>;

/** At most one node commits as primary in a term. */
export function checkPrimaries(commits: readonly CommitEvent[]): Violation[] {
  const primaries = new Map<number, CommitEvent>();
  const violations = new Map<string, Violation>();
  for (const commit of commits.filter(({ role }) => role === 'primary')) {
    const first = primaries.get(commit.term) ?? commit;
    primaries.set(commit.term, first);
    if (first.node !== commit.node) {
      violations.set(`${commit.term} ${commit.node}`, {
        rule: 'two primaries',
        message: `in term ${commit.term} both ${first.node} (transaction ${first.txId}) and ${commit.node} (transaction ${commit.txId}) committed as primary`,
      });
    }
  }
  return [...violations.values()];
}

/**
 * What nodes have committed at one place is one transaction, and terms never go back along it. Transactions that were saved as
 * lost are left out.
 */
export function checkCommittedPrefixes(
  commits: readonly CommitEvent[],
  saved: readonly SavedTransaction[] = [],
): Violation[] {
  const lost = new Set(saved.map(({ txId, hash }) => `${txId} ${hash}`));
  const byTxId = new Map<number, CommitEvent>();
  const violations: Violation[] = [];
  for (const commit of commits.filter(({ txId, hash }) => !lost.has(`${txId} ${hash}`))) {
    const first = byTxId.get(commit.txId) ?? commit;
    byTxId.set(commit.txId, first);
    if (first.hash !== commit.hash) {
      violations.push({
        rule: 'different prefixes',
        message: `transaction ${commit.txId} is ${first.hash} of term ${first.term} on ${first.node}, and ${commit.hash} of term ${commit.term} on ${commit.node}`,
      });
    }
  }
  const inOrder = [...byTxId.values()].sort((a, b) => a.txId - b.txId);
  for (const [i, { txId, term }] of inOrder.entries()) {
    const before = inOrder[i - 1];
    if (before !== undefined && before.term > term) {
      violations.push({
        rule: 'term goes back',
        message: `transaction ${before.txId} is of term ${before.term}, and ${txId} after it of term ${term}`,
      });
    }
  }
  return violations;
}

/** A node's content after all faults are over. */
export interface NodeContent {
  readonly node: string;
  readonly txId: number;
  readonly digest: string;
}

/** After healing all nodes show the same position and the same content. */
export function checkEqualContent([first, ...others]: readonly NodeContent[]): Violation[] {
  return others
    .filter(({ txId, digest }) => txId !== first?.txId || digest !== first.digest)
    .map(({ node, txId, digest }) => ({
      rule: 'different content',
      message: `${node} shows ${digest} at ${txId}, and ${first?.node} ${first?.digest} at ${first?.txId}`,
    }));
}
