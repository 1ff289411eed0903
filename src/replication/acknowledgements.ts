import type { AttachedReplica } from './types.ts';

/** Replicas that are remembered after they have gone; the one that was heard longest ago is forgotten first. */
const maxReplicas = 1000;

type Held = Pick<AttachedReplica, 'replicaId' | 'replicaName' | 'durableTxId' | 'appliedTxId'>;

type Named = Pick<AttachedReplica, 'replicaId' | 'replicaName'>;

/** Whether the acknowledgements of a replica count, where only those of `members` (names or ids) do; all when empty. */
export function counts(replica: Named, members: readonly string[]): boolean {
  return members.length === 0 || members.some((member) => isNamed(member, replica));
}

function isNamed(member: string, { replicaId, replicaName }: Named): boolean {
  return member === replicaId || member === replicaName;
}

/**
 * What every replica has last said it holds, by its identity: a replica that connects twice counts once, and one that is
 * away still holds what it held. A replica that comes back with less (its disk was exchanged) counts with what it has now.
 */
export class Acknowledgements {
  readonly #replicas = new Map<string, Held>();

  note({ replicaId, replicaName, durableTxId, appliedTxId }: Held): void {
    this.#replicas.delete(replicaId);
    this.#replicas.set(replicaId, { replicaId, replicaName, durableTxId, appliedTxId });
    if (this.#replicas.size > maxReplicas) {
      const [oldest = ''] = this.#replicas.keys();
      this.#replicas.delete(oldest);
    }
  }

  /**
   * Positions of the replicas that count, the largest first. `members` holds names or ids, and each member counts once,
   * even where two replicas were given the same name; without members everybody counts.
   */
  of(members: readonly string[]): { durable: number[]; applied: number[] } {
    const held = [...this.#replicas.values()];
    const counted: Held[][] =
      members.length === 0
        ? held.map((replica) => [replica])
        : members.map((member) => held.filter((replica) => isNamed(member, replica)));
    const positions = (of: (replica: Held) => number) =>
      counted.map((same) => Math.max(0, ...same.map(of))).sort((a, b) => b - a);
    return {
      durable: positions(({ durableTxId }) => durableTxId),
      applied: positions(({ appliedTxId }) => appliedTxId),
    };
  }
}
