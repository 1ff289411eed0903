import type { LogPosition } from '../../../src/log/interface.ts';
import type { CommitEvent } from '../../histories/commits.ts';
import { positionIn, recordsOf } from '../archive.ts';
import type { DataNode } from './data-node.ts';

/** A commit with the term in which its record was written; `term` is that of whoever committed it. */
export interface WatchedCommit extends CommitEvent {
  readonly recordTerm: number;
  /** Term and hash of the record before it. */
  readonly before: { readonly term: number; readonly hash: string };
}

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
      const first = Math.max(seen + 1, firstTxId);
      let before = named(await positionIn(node.node, first - 1));
      for (const record of await recordsOf(node.node, first, commit)) {
        const { term, hash } = named(record);
        const event = { node: node.name, txId: record.txId, hash, role };
        this.commits.push({ ...event, term: role === 'primary' ? reign : term, recordTerm: term, before });
        before = { term, hash };
      }
    }
  }

  /** The term of each transaction before one that has this hash, as far as members have committed them. */
  termsBefore(txId: number, hash: string): Map<number, number> {
    const before = new Map(this.commits.map((commit) => [commit.hash, commit.before]));
    const terms = new Map<number, number>();
    let place = before.get(hash);
    for (let at = txId - 1; at > 0 && place !== undefined; at -= 1) {
      terms.set(at, place.term);
      place = before.get(place.hash);
    }
    return terms;
  }
}

function named(position: Pick<LogPosition, 'term' | 'hash'> | undefined): WatchedCommit['before'] {
  return { term: position?.term ?? 0, hash: Buffer.from(position?.hash ?? []).toString('hex') };
}
