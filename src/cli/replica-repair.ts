import type { Comparison, NodeClient, RowDifference } from '../client/interface.ts';
import type { RowRepair } from '../proto/interface.ts';

/** Rows and bytes of one request. Unique values may move between the rows of one request only, so it is large. */
const maxRows = 10_000;
const maxBytes = 8 * 1024 * 1024;

export interface RepairSummary {
  readonly repaired: number;
  readonly skipped: number;
  /** Records of the old and the new rows, on the machine of the replica. */
  readonly files: readonly string[];
}

/** Gives the rows of a replica that a comparison found to differ the content of the reference. */
export async function repairReplica(
  client: NodeClient,
  database: string,
  { txId, differences }: Comparison,
): Promise<RepairSummary> {
  let repaired = 0;
  let skipped = 0;
  const files = new Set<string>();
  for (const batch of batchesOf(differences.filter((difference) => difference.kind === 'row'))) {
    const rows = batch.map(rowRepair);
    const answer = await client.verification.repair({ database, txId, table: batch[0]?.table ?? '', rows });
    repaired += answer.repaired;
    skipped += answer.skipped;
    files.add(answer.file);
  }
  return { repaired, skipped, files: [...files] };
}

function* batchesOf(rows: readonly RowDifference[]): Generator<readonly RowDifference[]> {
  let batch: RowDifference[] = [];
  let sizeBytes = 0;
  for (const row of rows) {
    if (batch.length >= maxRows || sizeBytes >= maxBytes || (batch[0] !== undefined && batch[0].table !== row.table)) {
      yield batch;
      batch = [];
      sizeBytes = 0;
    }
    batch.push(row);
    sizeBytes += row.key.length + row.found.length + row.row.length;
  }
  if (batch.length > 0) {
    yield batch;
  }
}

function rowRepair({ key, found, row }: RowDifference): RowRepair {
  return { key: Buffer.from(key), found: Buffer.from(found), row: Buffer.from(row) };
}
