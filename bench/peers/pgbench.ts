import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { insertedText, type KeyOrder } from '../nodes/item-table.ts';
import type { PostgresCluster } from './postgres-cluster.ts';

/** The same table, index and rows as in `item-table.ts`. */
const tableStatements = `
  DROP TABLE IF EXISTS item;
  CREATE TABLE item(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, k text NOT NULL, v text NOT NULL, n bigint NOT NULL);
  CREATE INDEX item_k ON item(k);
`;

/** Each client counts for itself in `i`. Together their keys ascend, as those of `itemValues` do. */
const nextKey: Readonly<Record<KeyOrder, string>> = {
  sequential: '\\set i :i + 1\n\\set r :i * :clients + :client_id\n',
  random: '\\set r random(1, 4294967295)\n',
};

const insert = `INSERT INTO item(k, v, n) VALUES ('k' || (:r)::text, '${insertedText}', :r);\n`;

export interface PgbenchLoad {
  /** For its script. */
  readonly directory: string;
  readonly clients: number;
  readonly keys: KeyOrder;
}

/** Threads of pgbench itself; with one, pgbench becomes the limit before PostgreSQL does. */
const threads = 2;

/** Single-row inserts through pgbench with prepared statements. Returns transactions per second. */
export async function pgbenchRate(cluster: PostgresCluster, load: PgbenchLoad, seconds: number): Promise<number> {
  const { directory, clients, keys } = load;
  const file = path.join(directory, 'insert.pgbench');
  writeFileSync(file, `${nextKey[keys]}${insert}`);
  chmodSync(file, 0o644);
  await cluster.query(tableStatements);
  const output = await cluster.runClient('pgbench', [
    ...['--no-vacuum', '--protocol=prepared', `--client=${clients}`, `--jobs=${Math.min(threads, clients)}`],
    ...['--define=i=0', `--define=clients=${clients}`, `--time=${Math.ceil(seconds)}`, `--file=${file}`],
  ]);
  await cluster.waitForStandby();
  const rate = /^tps = ([\d.]+)/m.exec(output)?.[1];
  if (rate === undefined) {
    throw new Error(`pgbench printed no rate:\n${output}`);
  }
  return Number(rate);
}
