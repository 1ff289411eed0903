import type { CommitEvent } from '../../histories/commits.ts';
import { recordsOf } from '../archive.ts';
import type { DataNode } from './data-node.ts';

/** A commit with the term in which its record was written; `term` is that of whoever committed it. */
export type WatchedCommit = CommitEvent & { readonly recordTerm: number };

/** Notes what each member commits, as what, and in which term. */
export class CommitWatch {
  readonly commits: WatchedCommit[] = [];
  readonly #seen = new Map<DataNode, number>();

  /** To be called after every event. */
  async look(node: DataNode): Promise<void> {
    const { database } = node;
    if (database === undefined || !node.node.isHealthy) {
      return;
    }
    const { commit } = database.positions();
    const seen = Math.min(this.#seen.get(node) ?? 0, commit);
    this.#seen.set(node, commit);
    if (commit > seen) {
      const { role, term: reign } = database.settings;
      const { firstTxId } = database.gauges.storage();
      for (const { txId, term, hash } of await recordsOf(node.node, Math.max(seen + 1, firstTxId), commit)) {
        const event = { node: node.name, txId, hash: Buffer.from(hash).toString('hex'), role };
        this.commits.push({ ...event, term: role === 'primary' ? reign : term, recordTerm: term });
      }
    }
  }
}
