import { rmSync } from 'node:fs';
import path from 'node:path';
import type { LogRecord } from '../../src/log/interface.ts';
import { logicalDigest, ReadConnection, ReplicaConnection } from '../../src/sqlite/interface.ts';
import { type ArchivedRecord, recordsOf } from './archive.ts';
import type { History, Observation } from './history.ts';
import { namesIn } from './record-names.ts';
import type { SimulatedNode } from './simulated-node.ts';

/**
 * Judges a run after the cluster has come together again. The history of the primaries is the truth: what was acknowledged
 * must be in it, what was refused must not, all logs must be its bytes, and every content that any reader ever saw must
 * be what it makes of an empty database up to the position that the reader was shown.
 */
export async function checkHistory(
  history: History,
  records: readonly ArchivedRecord[],
  nodes: readonly SimulatedNode[],
  directory: string,
): Promise<string[]> {
  const differing = await Promise.all(nodes.map((node) => logDefects(node, records)));
  return [
    ...differing.flat(),
    ...outcomeDefects(history, records),
    ...observationDefects(history.observations, records, directory),
    ...nodes.flatMap((node) => repeatedMarkers(node)),
  ];
}

/** What a node still has of the log must be the same bytes as that of the primary. */
async function logDefects(node: SimulatedNode, records: readonly ArchivedRecord[]): Promise<string[]> {
  const { firstTxId } = node.database?.gauges.storage() ?? { firstTxId: 1 };
  const { tip = 0 } = node.database?.positions() ?? {};
  const own = firstTxId <= tip ? await recordsOf(node, firstTxId, tip) : [];
  const different = own.find(({ txId, bytes }) => records[txId - 1]?.bytes.equals(bytes) !== true);
  const isWhole = tip === records.length;
  return different === undefined && isWhole
    ? []
    : [`the log of ${node.name}, which ends at ${tip}, is another one from ${different?.txId ?? tip + 1} on`];
}

/** In which transactions each write has left its name. */
function transactionsOf(records: readonly LogRecord[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const record of records) {
    for (const name of namesIn(record)) {
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
export function observationDefects(
  observations: readonly Observation[],
  records: readonly LogRecord[],
  directory: string,
): string[] {
  const file = path.join(directory, 'rebuilt.sqlite');
  for (const suffix of ['', '-wal', '-shm']) {
    rmSync(`${file}${suffix}`, { force: true });
  }
  const digests = rebuiltDigests(records, new Set(observations.map(({ txId }) => txId)), file);
  return observations
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
  using connection = ReadConnection.open(node.database?.filePath ?? node.machine.sqlitePath);
  if (connection.get("SELECT 1 FROM sqlite_schema WHERE name = 'marker'") === undefined) {
    return [];
  }
  const rows = connection.all('SELECT name, count(*) AS times FROM marker GROUP BY name HAVING times > 1');
  return rows.map(({ name, times }) => `${node.name} shows ${String(name)} ${String(times)} times`);
}
