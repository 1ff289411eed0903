import type { DatabaseStatus, StatusResponse } from '../proto/interface.ts';
import { seedingText } from './storage-text.ts';
import { type Cell, renderTable } from './text-table.ts';

const heading = ['database', 'role', 'state', 'tx', 'shown', 'lag', 'follows', 'followed by'];

const number = (value: number): Cell => ({ text: String(value), align: 'right' });

function lagText({ replicator }: DatabaseStatus): string {
  return replicator === undefined ? '' : `${replicator.lagTransactions} tx, ${Math.round(replicator.lagMs)} ms`;
}

function followsText({ replicator, replication, role }: DatabaseStatus): string {
  if (replicator !== undefined) {
    return `${replicator.upstream} (${replicator.state})`;
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

/** A table of databases, and below it what is wrong with them. */
export function databasesText(databases: readonly DatabaseStatus[]): string {
  const trouble = problems(databases);
  const table = renderTable(heading, databases.map(databaseRow));
  return [table, seedingText(databases), trouble].filter((part) => part !== '').join('\n');
}

/** The node in one line, and its databases. */
export function statusText({ nodeName, nodeId, version, uptimeMs, databases }: StatusResponse): string {
  const seconds = Math.round(uptimeMs / 1_000);
  return `node ${nodeName} (${nodeId}), Quorate ${version}, up ${seconds} s\n\n${databasesText(databases)}`;
}
