/** Positions asked for at once: few rounds over the network, and no large answers. */
const probesPerRound = 16;

/** The transactions of a log with their hashes. */
export interface HashedHistory {
  readonly tipTxId: number;
  /** Hash of each of these transactions; those that the log does not have, or no longer has, are left out. */
  hashes(txIds: readonly number[]): Promise<ReadonlyMap<number, Uint8Array>>;
}

/** Where two histories of one database part. */
export interface Parting {
  /** Last transaction in common; 0 when there is none. */
  readonly commonTxId: number;
  /** Both logs have the common transaction, so that it is certain. */
  readonly certain: boolean;
  /** The first transaction that both have and that is another one on each; undefined when one log just ends. */
  readonly firstDifferentTxId: number | undefined;
}

/**
 * Finds where two histories part, in a few rounds: a transaction with the same hash on both sides means that all before it
 * are the same, so the place can be found by division. What one of them has dropped may be the same or not.
 */
export async function findParting(own: HashedHistory, other: HashedHistory): Promise<Parting> {
  const lastShared = Math.min(own.tipTxId, other.tipTxId);
  let low = 0;
  let high = lastShared;
  let certain = true;
  while (low < high) {
    const probes = probesBetween(low, high);
    const [mine, theirs] = await Promise.all([own.hashes(probes), other.hashes(probes)]);
    for (const txId of probes) {
      const [a, b] = [mine.get(txId), theirs.get(txId)];
      const known = a !== undefined && b !== undefined;
      if (known && Buffer.compare(a, b) !== 0) {
        high = txId - 1;
        break;
      }
      low = txId;
      certain = known;
    }
  }
  return { commonTxId: low, certain, firstDifferentTxId: low < lastShared ? low + 1 : undefined };
}

/** Ascending, evenly spread, the last one being `high`. */
function probesBetween(low: number, high: number): number[] {
  const count = Math.min(probesPerRound, high - low);
  return Array.from({ length: count }, (_, i) => low + Math.ceil(((high - low) * (i + 1)) / count));
}
