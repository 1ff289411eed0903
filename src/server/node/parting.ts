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

function ownHistory(database: Database): HashedHistory {
  return {
    tipTxId: database.positions().tip,
    async hashes(txIds) {
      const positions = await Promise.all(txIds.map((txId) => database.source.positionOf(txId)));
      return new Map(positions.flatMap((position) => (position === undefined ? [] : [[position.txId, position.hash]])));
    },
  };
}

/** The error of a replica whose history has parted, with the place where it did; the error itself where that is not known. */
export async function explainDivergence(
  database: Database,
  upstreams: UpstreamClients,
  error: QuorateError,
): Promise<QuorateError> {
  const { commonTxId, certain, firstDifferentTxId } = await findPartingOf(database, upstreams);
  const { tip } = database.positions();
  if (commonTxId >= tip || !certain) {
    return error;
  }
  const what =
    firstDifferentTxId === undefined
      ? `the log of the upstream ends at transaction ${commonTxId}, this one at ${tip}`
      : `transaction ${firstDifferentTxId} is another one here than on the upstream; ${commonTxId} is the last in common`;
  return new QuorateError('DIVERGED', `the histories part: ${what}`, {
    cause: error,
    hint: `Save and take back what only this replica has: quorate database rejoin ${database.name}`,
    details: { commonTxId, tipTxId: tip, ...(firstDifferentTxId !== undefined && { firstDifferentTxId }) },
  });
}
