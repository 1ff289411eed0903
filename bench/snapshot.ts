/** How fast a snapshot of a database reaches a new replica, against pg_basebackup, and what it costs the writers meanwhile. */
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Benchmark, BenchmarkOptions } from './measuring/benchmark.ts';
import { closedLoop } from './measuring/closed-loop.ts';
import { median } from './measuring/median.ts';
import { BenchServer, replicaOf } from './nodes/server.ts';
import { PostgresCluster } from './peers/postgres-cluster.ts';

const databaseName = 'big';
const rows = 1_000_000;
const rowsAtOnce = 10_000;
const writers = 8;
const bytesPerMegabyte = 1_000_000;

const createTable = 'CREATE TABLE item (id INTEGER PRIMARY KEY, body TEXT NOT NULL)';
const insertMany = `INSERT INTO item (body) WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ${rowsAtOnce})
  SELECT hex(randomblob(496)) FROM n`;

async function fill(server: BenchServer): Promise<void> {
  await server.client.createDatabase({ database: databaseName, role: '', replication: undefined });
  await server.client.execute(databaseName, [{ sql: createTable }]);
  await server.client.execute(databaseName, [{ sql: 'CREATE TABLE small (id INTEGER PRIMARY KEY, v TEXT)' }]);
  for (let count = 0; count < rows; count += rowsAtOnce) {
    await server.client.execute(databaseName, [{ sql: insertMany }]);
  }
}

/** Small writes by several clients until `until` resolves; returns how many per second. */
async function writeRate(server: BenchServer, until: Promise<unknown>): Promise<number> {
  let ended = false;
  const end = until.then(() => {
    ended = true;
  });
  const statements = [{ sql: "INSERT INTO small (v) VALUES ('a small row')" }];
  const write = () => server.client.execute(databaseName, statements);
  const [rate] = await Promise.all([closedLoop(writers, () => ended, write), end]);
  return rate;
}

interface Seeded {
  readonly bytesPerSecond: number;
  readonly catchUpSeconds: number;
}

/** Makes a replica on another server; resolves when the snapshot is installed, then measures what is left to catch up. */
async function seed(primary: BenchServer, replica: BenchServer): Promise<number> {
  const { databases } = await primary.client.status(databaseName);
  const sizeBytes = databases[0]?.storage?.databaseSizeBytes ?? 0;
  const began = performance.now();
  await replica.client.createDatabase(replicaOf(primary, databaseName));
  await until(replica, ({ state }) => state === 'streaming');
  return sizeBytes / ((performance.now() - began) / 1000);
}

async function until(replica: BenchServer, holds: (status: { state: string; lag: number }) => boolean): Promise<void> {
  for (;;) {
    const { databases } = await replica.client.status(databaseName);
    const { state = '', lagTransactions: lag = 0 } = databases[0]?.replicator ?? {};
    if (holds({ state, lag })) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function seedOnce(primary: BenchServer, directory: string): Promise<Seeded> {
  const folder = path.join(directory, 'replica');
  const replica = await BenchServer.start(folder);
  try {
    const bytesPerSecond = await seed(primary, replica);
    const began = performance.now();
    await until(replica, ({ state, lag }) => state === 'streaming' && lag === 0);
    return { bytesPerSecond, catchUpSeconds: (performance.now() - began) / 1000 };
  } finally {
    await replica[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Bytes per second of pg_basebackup of a database with the same rows; undefined without PostgreSQL. */
async function baseBackupRates({ directory, rounds }: BenchmarkOptions): Promise<number[] | undefined> {
  const folder = path.join(directory, 'postgres');
  await using cluster = await PostgresCluster.start(folder);
  if (cluster === undefined) {
    return undefined;
  }
  await cluster.query('CREATE TABLE item (id bigserial PRIMARY KEY, body text NOT NULL)');
  await cluster.query(`INSERT INTO item (body) SELECT repeat(md5(i::text), 31) FROM generate_series(1, ${rows}) i`);
  await cluster.waitForStandby();
  const sizeBytes = Number(await cluster.query('SELECT sum(pg_database_size(oid)) FROM pg_database'));
  const rates: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const target = path.join(folder, `copy${round}`);
    const began = performance.now();
    await cluster.baseBackup(target);
    rates.push(sizeBytes / ((performance.now() - began) / 1000));
    rmSync(target, { recursive: true, force: true });
  }
  return rates;
}

async function run(options: BenchmarkOptions): Promise<void> {
  const { directory, rounds, seconds, report } = options;
  mkdirSync(directory, { recursive: true });
  const seeded: Seeded[] = [];
  const ratios: number[] = [];
  {
    // The log is cut, so that every new replica needs a snapshot.
    const limits = ['--log-retention-bytes', '64MiB'];
    await using primary = await BenchServer.start(path.join(directory, 'primary'), ...limits);
    await fill(primary);
    for (let round = 0; round < rounds; round += 1) {
      seeded.push(await seedOnce(primary, directory));
    }
    for (let round = 0; round < rounds; round += 1) {
      const alone = await writeRate(primary, new Promise((resolve) => setTimeout(resolve, seconds * 1000)));
      const copying = seedOnce(primary, directory);
      ratios.push((await writeRate(primary, copying)) / alone);
      seeded.push({ ...(await copying), bytesPerSecond: Number.NaN });
    }
  }
  rmSync(path.join(directory, 'primary'), { recursive: true, force: true });
  const own = median(seeded.map(({ bytesPerSecond }) => bytesPerSecond).filter((rate) => !Number.isNaN(rate)));
  report.print(`snapshot: ${(own / bytesPerMegabyte).toFixed(0)} MB/s, checked and installed`);
  report.print(`catching up afterwards: ${Math.max(...seeded.map((one) => one.catchUpSeconds)).toFixed(1)} s at most`);
  const rates = await baseBackupRates(options);
  if (rates === undefined) {
    report.print('pg_basebackup: PostgreSQL 15 is not installed');
  } else {
    report.print(`pg_basebackup: ${(median(rates) / bytesPerMegabyte).toFixed(0)} MB/s`);
    report.figure('snapshot.vs_basebackup', own / median(rates));
  }
  report.figure('snapshot.write_ratio', median(ratios));
}

export const benchmark: Benchmark = {
  question: 'How fast does a snapshot of 1 GB reach a new replica, against pg_basebackup, and what do writers notice?',
  rounds: 3,
  seconds: 5,
  run,
};
