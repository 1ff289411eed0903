import { QuorateError } from '../errors/interface.ts';

/** Replicas in a row, each the upstream of the one before it; a longer chain is refused. */
export const maxPathLength = 16;

/** What a database tells its replicas: itself, then whom it follows. */
export function ownPath(replicaId: string, upstreamPath: readonly string[]): readonly string[] {
  return [replicaId, ...upstreamPath].slice(0, maxPathLength);
}

/** @throws QuorateError REPLICATION_LOOP when the replica is in the path of its upstream, or the path is as long as may be */
export function checkPath(replicaId: string, upstreamPath: readonly string[]): void {
  const place = upstreamPath.indexOf(replicaId);
  if (place >= 0) {
    const through = upstreamPath.slice(0, place).join(', ');
    throw new QuorateError('REPLICATION_LOOP', `this replica (${replicaId}) would follow itself, through ${through}`, {
      hint: 'Make one database of the loop a primary, or let it follow a database outside of it.',
      details: { path: upstreamPath.join(', ') },
    });
  }
  if (upstreamPath.length >= maxPathLength) {
    throw new QuorateError(
      'REPLICATION_LOOP',
      `more than ${maxPathLength} databases would follow each other in a row`,
      {
        hint: 'Follow a database that is nearer to the primary.',
        details: { path: upstreamPath.join(', ') },
      },
    );
  }
}
