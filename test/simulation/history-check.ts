import path from 'node:path';
import { decodeRecords, LogReader, type LogRecord } from '../../src/log/interface.ts';
import { logicalDigest, ReadConnection, ReplicaConnection } from '../../src/sqlite/interface.ts';
import type { History } from './history.ts';
import type { SimulatedNode } from './simulated-node.ts';

const namePattern = /write-[a-z]-\d{6}/g;

/**
 * Judges a run after the cluster has come together again. The log of the primary is the truth: what was acknowledged must
 * be in it, what was refused must not, all logs must be the same bytes, and every content that any reader ever saw must
 * be what that log makes of an empty database up to the position that the reader was shown.
 */
export async function checkHistory(
  history: History,
  nodes: readonly SimulatedNode[],
  directory: string,
): Promise<string[]> {
  const logs = await Promise.all(nodes.map(readLog));
  const [truth = Buffer.alloc(0)] = logs;
  const records = truth.length === 0 ? [] : [...decodeRecords(truth)];
  return [
    ...differingLogs(nodes, logs),
    ...outcomeDefects(history, records),
    ...observationDefects(history, records, path.join(directory, 'rebuilt.sqlite')),
    ...nodes.flatMap((node) => repeatedMarkers(node)),
  ];
}

async function readLog(node: SimulatedNode): Promise<Buffer> {
  const tip = node.database?.positions().tip ?? 0;
  const reader = LogReader.open(node.machine.files, node.machine.logDirectory);
  const parts: Uint8Array[] = [];
  for (let next = 1; next <= tip; ) {
    const batch = await reader.read(next, tip, 1_000_000);
    parts.push(Uint8Array.from(batch.bytes));
    next = batch.lastTxId + 1;
  }
  reader.close();
  return Buffer.concat(parts);
}

function differingLogs(nodes: readonly SimulatedNode[], logs: readonly Buffer[]): string[] {
  return nodes
    .filter((_, index) => !logs[index]?.equals(logs[0] as Buffer))
    .map((node) => `the log of ${node.name} is not that of the primary`);
}

/** In which transactions each write has left its name. */
function transactionsOf(records: readonly LogRecord[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const record of records) {
    const text = Buffer.from(record.operations).toString('latin1');
    for (const name of new Set(text.match(namePattern))) {
      found.set(name, [...(found.get(name) ?? []), record.txId]);
    }
  }
  return found;
}

function outcomeDefects(history: History, records: readonly LogRecord[]): string[] {
  const found = transactionsOf(records);
  const defects: string[] = [];
  for (const [name, outcome] of history.outcomes) {
    const txIds = found.get(name) ?? [];
    if (outcome.kind === 'acknowledged' && txIds[0] !== outcome.txId) {
      defects.push(`${name} was acknowledged as transaction ${outcome.txId}, but is in [${txIds}]`);
    } else if (outcome.kind === 'refused' && txIds.length > 0) {
      defects.push(`${name} was refused with ${outcome.code}, but is transaction ${txIds}`);
    } else if (txIds.length > 1) {
      defects.push(`${name} took effect in each of [${txIds}]`);
    }
  }
  return defects;
}

/** Builds the content anew from the log alone and compares it with what readers saw. */
function observationDefects(history: History, records: readonly LogRecord[], file: string): string[] {
  const digests = rebuiltDigests(records, new Set(history.observations.map(({ txId }) => txId)), file);
  return history.observations
    .filter(({ txId, digest }) => digests.get(txId) !== digest)
    .map(({ node, txId }) =>
      digests.has(txId)
        ? `a reader of ${node} saw another content at ${txId} than the log makes`
        : `a reader of ${node} saw transaction ${txId}, which was lost`,
    );
}

function rebuiltDigests(records: readonly LogRecord[], wanted: ReadonlySet<number>, file: string): Map<number, string> {
  const digests = new Map<number, string>();
  using connection = ReplicaConnection.open(file);
  const note = (txId: number) => {
    if (wanted.has(txId)) {
      digests.set(txId, Buffer.from(logicalDigest(file).digest).toString('hex'));
    }
  };
  note(0);
  for (const record of records) {
    connection.begin();
    connection.apply(record.operations, record.schemaHash);
    connection.writePosition(record);
    connection.commit();
    note(record.txId);
  }
  return digests;
}

function repeatedMarkers(node: SimulatedNode): string[] {
  using connection = ReadConnection.open(node.machine.sqlitePath);
  if (connection.get("SELECT 1 FROM sqlite_schema WHERE name = 'marker'") === undefined) {
    return [];
  }
  const rows = connection.all('SELECT name, count(*) AS times FROM marker GROUP BY name HAVING times > 1');
  return rows.map(({ name, times }) => `${node.name} shows ${String(name)} ${String(times)} times`);
}
