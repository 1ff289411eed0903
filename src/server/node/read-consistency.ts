import { QuorateError } from '../../errors/interface.ts';
import type { ManagedDatabase } from './managed-database.ts';
import type { Node } from './node.ts';

/** What a read may show; without one it shows whatever this node has. */
export type ReadConsistency =
  /** Nothing older than that; at least one of the two limits is given. */
  | {
      readonly level: 'bounded';
      readonly maxLagMs?: number | undefined;
      readonly maxLagTransactions?: number | undefined;
    }
  /** Everything that was committed anywhere before the read began. */
  | { readonly level: 'linearizable' };

/** Databases in a row of which the lag is known: a replica knows nothing of what its upstream itself lacks. */
const knownPathLength = 2;

/**
 * Reads at a level.
 * @throws QuorateError TOO_STALE; WRONG_ROLE for a linearizable read on a replica; LEASE_LOST on a node that cannot confirm
 * that it is the primary; and what `read` throws
 */
export async function readAt<T>(
  node: Node,
  database: string,
  consistency: ReadConsistency | undefined,
  read: () => Promise<T>,
): Promise<T> {
  if (consistency === undefined) {
    return await read();
  }
  const managed = node.databases.get(database);
  const isPrimary = managed.require().settings.role === 'primary';
  if (!isPrimary && consistency.level === 'bounded') {
    checkLag(managed, consistency);
    return await read();
  }
  if (!isPrimary) {
    throw new QuorateError('WRONG_ROLE', `database ${database} is a replica, and only a primary reads linearizably`, {
      hint: 'Send the read to the primary.',
    });
  }
  // What was read is the latest if this node had all of it before, and is still the primary afterwards.
  await node.clusterView.confirmLeadership(database);
  const answer = await read();
  await node.clusterView.confirmLeadership(database);
  return answer;
}

function checkLag(
  { name, replicatorStatus, path }: ManagedDatabase,
  { maxLagMs = Infinity, maxLagTransactions = Infinity }: Extract<ReadConsistency, { level: 'bounded' }>,
): void {
  if (replicatorStatus?.state !== 'streaming' && maxLagTransactions !== Infinity) {
    throw tooStale(`replica ${name} is not connected, so nobody knows how far it is behind`);
  }
  if (path.length > knownPathLength) {
    throw tooStale(`replica ${name} follows a replica, so nobody knows how far it is behind`);
  }
  const { staleMs = Infinity, lagTransactions = Infinity } = replicatorStatus ?? {};
  if (staleMs > maxLagMs || lagTransactions > maxLagTransactions) {
    const age = Number.isFinite(staleMs) ? `${Math.ceil(staleMs)} ms` : 'an unknown time';
    throw tooStale(`replica ${name} may be behind by ${age} and ${lagTransactions} transactions`);
  }
}

function tooStale(message: string): QuorateError {
  return new QuorateError('TOO_STALE', message, { hint: 'Read on another node, or allow a greater lag.' });
}
