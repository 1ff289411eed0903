import { QuorateError } from '../errors/interface.ts';
import { genesisHash, type LogPosition, type TransactionLog } from '../log/interface.ts';
import type { LogEnds } from './types.ts';

/** Newest records that are offered one by one: as many as a primary writes at once and may lose at once. */
const offeredSingly = 512;

/**
 * What a replica says about the end of its log when it connects.
 *
 * A replica knows for certain only that what it shows is committed, and after a power loss that may be little. If it
 * named nothing but that and its end, an upstream without the last record would make it drop all in between, also what it
 * has confirmed to hold. So it names positions in between, too, every one where the histories may really part.
 */
export function logEnds(log: TransactionLog, commitTxId: number): LogEnds {
  const committed = commitTxId === 0 ? genesisOf(log) : log.positionOf(commitTxId);
  if (committed === undefined) {
    throw new QuorateError('DATABASE_CORRUPT', `the log has no record ${commitTxId}, which is committed`, {
      hint: 'The data file or the log was exchanged or restored alone. Restore both, or make the database anew from a peer.',
    });
  }
  return { durable: log.durable, committed, between: positionsBetween(log, commitTxId) };
}

function genesisOf(log: TransactionLog): LogPosition {
  return { txId: 0, term: 0, hash: genesisHash(log.databaseId) };
}

function positionsBetween(log: TransactionLog, commitTxId: number): LogPosition[] {
  const end = log.durable.txId;
  const firstSingle = Math.max(commitTxId + 1, end - offeredSingly, log.firstTxId);
  const positions: LogPosition[] = [];
  for (const { txId, term, hash } of firstSingle < end ? log.records(firstSingle) : []) {
    if (txId < end) {
      positions.unshift({ txId, term, hash });
    }
  }
  for (let distance = offeredSingly * 2; end - distance > commitTxId; distance *= 2) {
    positions.push(...[log.positionOf(end - distance)].filter((position) => position !== undefined));
  }
  return positions;
}
