import { formatDuration } from '../config/interface.ts';
import type { AttachedReplica, DatabaseStatus, ReplicatorStatus, ScrubStatus } from '../proto/interface.ts';
import { isoTime } from '../runtime/interface.ts';
import { bytesText } from './storage-text.ts';

/** How far something is behind: transactions, bytes and time. */
export function behindText(transactions: number, bytes: number, ms: number): string {
  return `${transactions} tx, ${bytesText(bytes)}, ${Math.round(ms)} ms`;
}

/** How far behind is what a replica has on disk, whether it shows it or not. */
export function receivedLagText(replicator: ReplicatorStatus): string {
  const { receivedLagTransactions, receivedLagBytes, receivedLagMs } = replicator;
  return behindText(receivedLagTransactions, receivedLagBytes, receivedLagMs);
}

/** What one database does: its positions, whom it follows, who follows it, and how it is compared. One line for each thing. */
export function detailText(status: DatabaseStatus): string {
  const { term, tipTxId, durableTxId, commitTxId, appliedTxId, replicator, replicas, scrub } = status;
  const lines = [
    `position       term ${term}: last in the log ${tipTxId}, on disk ${durableTxId}, committed ${commitTxId}, shown ${appliedTxId}`,
    ...(replicator === undefined ? [] : replicatorLines(replicator)),
    ...(scrub === undefined ? [] : [`compared       ${scrubText(scrub)}`]),
    ...replicas.map((replica) => `followed by    ${attachedText(replica, status)}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function replicatorLines(replicator: ReplicatorStatus): string[] {
  const { upstream, state, reason, upstreamTipTxId, lagTransactions, lagBytes, lagMs, retries } = replicator;
  return [
    `follows        ${upstream}, which has ${upstreamTipTxId}: ${state}${reason === '' ? '' : ` (${reason})`}, connected again ${retries} times`,
    `behind         on disk ${receivedLagText(replicator)}; shown ${behindText(lagTransactions, lagBytes, lagMs)}`,
  ];
}

function attachedText(replica: AttachedReplica, { tipTxId }: DatabaseStatus): string {
  const { replicaName, address, sentTxId, durableTxId, appliedTxId, acknowledgedAtMs } = replica;
  const behind = Math.max(0, tipTxId - appliedTxId);
  const confirmed = acknowledgedAtMs === 0 ? 'nothing confirmed yet' : `confirmed ${isoTime(acknowledgedAtMs)}`;
  return `${replicaName} (${address}): sent ${sentTxId}, on disk ${durableTxId}, shown ${appliedTxId}, ${behind} tx behind, ${confirmed}`;
}

function scrubText({
  running,
  rounds,
  finishedAtMs,
  durationMs,
  nextAtMs,
  periodMs,
  differences,
}: ScrubStatus): string {
  const last =
    rounds === 0
      ? 'not yet as a whole'
      : `${isoTime(finishedAtMs)} in ${formatDuration(durationMs)}, ${differences} differences`;
  const next = running ? 'now' : `at ${isoTime(nextAtMs)}`;
  return `${last}; again ${next}, all of it every ${formatDuration(Math.round(periodMs / 1_000) * 1_000)}`;
}
