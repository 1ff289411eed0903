import type { Database } from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import { findParting, type HashedHistory, type Parting } from '../../replication/interface.ts';
import type { UpstreamClients } from './upstream-clients.ts';

/** Finds where the history of a replica parts from that of its upstream. @throws QuorateError WRONG_ROLE, UNAVAILABLE … */
export function findPartingOf(database: Database, upstreams: UpstreamClients): Promise<Parting> {
  return upstreams.use(database, async (client, name) => {
    const { tipTxId } = await client.verification.positions(name, []);
    return await findParting(ownHistory(database), {
      tipTxId,
      async hashes(txIds) {
        const { positions } = await client.verification.positions(name, txIds);
        return new Map(positions.map(({ txId, hash }) => [txId, hash]));
      },
    });
  });
}

/** Where the log of a database stands, with what tells two histories apart. */
export function ownHistory(database: Database): HashedHistory {
  return {
    tipTxId: database.positions().tip,
    async hashes(txIds) {
      const positions = await Promise.all(txIds.map((txId) => database.source.positionOf(txId)));
      return new Map(positions.flatMap((position) => (position === undefined ? [] : [[position.txId, position.hash]])));
    },
  };
}

/**
 * The error of a replica that cannot follow, with what is known of the reason: where the histories part, or that they are one
 * and the content is wrong. The hint names the commands for this database.
 */
export async function explainDivergence(
  database: Database,
  upstreams: UpstreamClients,
  error: QuorateError,
): Promise<QuorateError> {
  const parting = await findPartingOf(database, upstreams);
  const { commonTxId, firstDifferentTxId } = parting;
  const { tip } = database.positions();
  const rejoin = `quorate database rejoin ${database.name}`;
  if (commonTxId >= tip && parting.certain) {
    const hint = `Repair it: quorate verify ${database.name} --with UPSTREAM --repair; or copy it again: ${rejoin}`;
    return new QuorateError(error.code, error.message, { cause: error, hint, details: error.details });
  }
  return new QuorateError('DIVERGED', `the histories part: ${partingText(parting, tip)}`, {
    cause: error,
    hint: `Save and give up what only this replica has: ${rejoin}`,
    details: { commonTxId, tipTxId: tip, ...(firstDifferentTxId !== undefined && { firstDifferentTxId }) },
  });
}

function partingText({ commonTxId, certain, firstDifferentTxId }: Parting, tip: number): string {
  if (!certain) {
    return `the logs no longer reach back to the last transaction in common, which is ${commonTxId} at most`;
  }
  return firstDifferentTxId === undefined
    ? `the log of the upstream ends at transaction ${commonTxId}, this one at ${tip}`
    : `transaction ${firstDifferentTxId} is another one here than on the upstream; ${commonTxId} is the last in common`;
}
