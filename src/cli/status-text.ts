import { formatDuration } from '../config/interface.ts';
import type { DatabaseStatus, StatusResponse } from '../proto/interface.ts';
import { isoTime } from '../runtime/interface.ts';
import { behindText, receivedLagText } from './detail-text.ts';
import { seedingText } from './storage-text.ts';
import { type Cell, renderTable } from './text-table.ts';

const heading = ['database', 'role', 'state', 'tx', 'shown', 'lag', 'acks', 'follows', 'followed by'];

const number = (value: number): Cell => ({ text: String(value), align: 'right' });

function lagText({ replicator }: DatabaseStatus): string {
  if (replicator === undefined) {
    return '';
  }
  const { lagTransactions, lagBytes, lagMs, delayMs } = replicator;
  const shown = behindText(lagTransactions, lagBytes, lagMs);
  return delayMs === 0 ? shown : `${shown}; on disk ${receivedLagText(replicator)}`;
}

/** What writes wait for, and how that stands: `sync 1`, `quorum (waiting)`. */
function acksText({ acks, ackStatus }: DatabaseStatus): string {
  if (acks === undefined) {
    return '';
  }
  const level = acks.acks > 0 ? `${acks.level} ${acks.acks}` : acks.level;
  return ackStatus === 'reached' ? level : `${level} (${ackStatus})`;
}

/** What would be gone if this primary and its disk died now. */
function atRisk({ database, loss }: DatabaseStatus): string {
  return loss === undefined ? '' : `${database}: if this node died now, what would be lost: ${loss.summary}\n`;
}

function followsText({ replicator, replication, role }: DatabaseStatus): string {
  if (replicator !== undefined) {
    const delay = replicator.delayMs > 0 ? `, delay ${formatDuration(replicator.delayMs)}` : '';
    return `${replicator.upstream} (${replicator.state}${delay})`;
  }
  if (role !== 'replica') {
    return '';
  }
  return replication === undefined ? '(fed from outside)' : '(replication disabled)';
}

function databaseRow(status: DatabaseStatus): Cell[] {
  return [
    { text: status.database },
    { text: status.role },
    { text: status.state },
    number(status.tipTxId),
    number(status.appliedTxId),
    { text: lagText(status) },
    { text: acksText(status) },
    { text: followsText(status) },
    { text: status.replicas.map((replica) => replica.replicaName).join(', ') },
  ];
}

function problems(databases: readonly DatabaseStatus[]): string {
  return databases
    .flatMap(({ database, lastError, replicator }) =>
      [lastError, replicator?.state === 'streaming' ? undefined : replicator?.lastError].map((error) =>
        error === undefined
          ? ''
          : `${database}: ${error.message} (${error.code})\n${error.hint === '' ? '' : `  hint: ${error.hint}\n`}`,
      ),
    )
    .join('');
}

/** A table of databases, and below it what is at risk and what is wrong. */
export function databasesText(databases: readonly DatabaseStatus[]): string {
  const notes = databases.map(atRisk).join('') + problems(databases);
  const table = renderTable(heading, databases.map(databaseRow));
  return [table, seedingText(databases), notes].filter((part) => part !== '').join('\n');
}

/** Whom the whole node follows, and what of it not. */
function followingText(following: StatusResponse['following']): string {
  if (following === undefined) {
    return '';
  }
  const { upstream, state, lastError, leftAlone } = following;
  const reason = lastError === undefined ? '' : `: ${lastError.message} (${lastError.code})`;
  const notes = leftAlone.map((text) => `not followed: ${text}\n`).join('');
  return `follows the whole server ${upstream} (${state}${reason})\n${notes}`;
}

/** Until when the node's certificate is good, and why a new one is not used. */
function certificateText(certificate: StatusResponse['certificate']): string {
  if (certificate === undefined) {
    return '';
  }
  const { expiresAtMs, lastError } = certificate;
  const problem = lastError === undefined ? '' : `; its files now: ${lastError.message} (${lastError.code})`;
  return `answers over TLS, certificate valid until ${isoTime(expiresAtMs)}${problem}\n`;
}

/** The node in one line, whom it follows, and its databases. */
export function statusText(status: StatusResponse): string {
  const { nodeName, nodeId, version, uptimeMs, databases, following, certificate } = status;
  const seconds = Math.round(uptimeMs / 1_000);
  const node = `node ${nodeName} (${nodeId}), Quorate ${version}, up ${seconds} s\n`;
  return `${node}${certificateText(certificate)}${followingText(following)}\n${databasesText(databases)}`;
}
