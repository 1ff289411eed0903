import type { LogEnds, ReplicationSource } from '../database/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import { genesisHash, type LogPosition } from '../log/interface.ts';

/**
 * Finds the position from which a replica can follow, or throws.
 *
 * Two logs with the same hash at the same transaction have the same history up to there (the hash chain). So when the end
 * of the replica's log is found here, it just goes on. Otherwise its tail may hold records that were sent before they were
 * committed and that this primary has lost or never committed: they may go, and only they, since the replica may hold
 * all others on behalf of somebody who was told so. What the replica knows to be committed must in any case be found here.
 * If it is not, the histories have parted, which is never papered over.
 */
export async function commonPosition(source: ReplicationSource, ends: LogEnds): Promise<LogPosition> {
  requireInLog(source, ends.durable.txId);
  if (await isHere(source, ends.durable)) {
    return ends.durable;
  }
  if (await mayBeBehind(source, ends.durable)) {
    throw new QuorateError(
      'UNAVAILABLE',
      `this upstream is itself a replica and still behind: it has ${source.exportableTxId()}, the replica ${ends.durable.txId}`,
      {
        hint: 'It catches up by itself; follow the primary directly if that takes too long.',
      },
    );
  }
  requireInLog(source, ends.committed.txId);
  if (!(await isHere(source, ends.committed))) {
    throw divergence(source, ends.committed);
  }
  return newestCommon(source, [...ends.between, ends.committed]);
}

/** Whether a replica may have more than this source, which is one itself. What is older than the end of the source's log is not more. */
async function mayBeBehind(source: ReplicationSource, durable: LogPosition): Promise<boolean> {
  const endTxId = source.exportableTxId();
  if (source.role === 'primary' || durable.txId <= endTxId) {
    return false;
  }
  const end = await source.positionOf(endTxId);
  return durable.term >= (end?.term ?? 0);
}

/** @throws QuorateError SNAPSHOT_REQUIRED when records after `txId` are gone, so that nobody can go on from there */
function requireInLog(source: ReplicationSource, txId: number): void {
  const firstTxId = source.firstTxId();
  if (txId + 1 < firstTxId) {
    throw new QuorateError(
      'SNAPSHOT_REQUIRED',
      `the replica has transaction ${txId}, but the log of this upstream begins with ${firstTxId}`,
      { hint: 'A replica that follows by itself gets a snapshot now.', details: { txId, firstTxId } },
    );
  }
}

/** Halves the positions, of which the last is common: whatever is older than a common one is common, too. */
async function newestCommon(source: ReplicationSource, newestFirst: readonly LogPosition[]): Promise<LogPosition> {
  let low = 0;
  let high = newestFirst.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (await isHere(source, newestFirst[middle] as LogPosition)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return newestFirst[low] as LogPosition;
}

async function isHere(source: ReplicationSource, position: LogPosition): Promise<boolean> {
  if (position.txId === 0) {
    return true;
  }
  if (position.txId > source.exportableTxId()) {
    return false;
  }
  const own = await source.positionOf(position.txId);
  return own !== undefined && Buffer.compare(own.hash, position.hash) === 0;
}

function divergence(source: ReplicationSource, committed: LogPosition): QuorateError {
  const { tip } = source.positions();
  const message =
    committed.txId > tip
      ? `the replica has committed transaction ${committed.txId}, but the log of this upstream ends at ${tip}`
      : `transaction ${committed.txId} is another one here than on the replica`;
  return new QuorateError('DIVERGED', message, {
    hint: 'Both nodes were written to, or one was restored. If the history of the upstream counts: quorate database rejoin DATABASE',
    details: { replicaTxId: committed.txId, upstreamTxId: tip },
  });
}

/** The position before the first record of a database. */
export function genesisPosition(databaseId: Uint8Array): LogPosition {
  return { txId: 0, term: 0, hash: genesisHash(databaseId) };
}
