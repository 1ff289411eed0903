/** How fast two nodes of 1 GB are compared, and what writers notice of the comparison that runs in the background. */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { compareNodes, NodeClient } from '../src/client/interface.ts';
import type { Benchmark, BenchmarkOptions } from './measuring/benchmark.ts';
import { median, medianRatio } from './measuring/median.ts';
import { type Contestant, formatNumber, runRounds, valuesOf } from './measuring/rounds.ts';
import { insertRate } from './nodes/insert-load.ts';
import { adminPassword, databaseName, Primary } from './nodes/primary.ts';
import { BenchServer, replicaOf } from './nodes/server.ts';

/** Without it before and after: a machine that gets slower or faster meanwhile decides nothing. */
const names = { before: 'writes without the scrub', during: 'with it', after: 'without again' } as const;

const rows = 1_000_000;
const rowsAtOnce = 10_000;
const writers = 64;
const bytesPerMegabyte = 1_000_000;

/** The default rate, and no pause between two rounds. */
const scrubAlways = ['--scrub-interval', '1ms'];
const scrubNever = ['--scrub-interval', '0'];

const insertMany = `INSERT INTO big (body) WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ${rowsAtOnce})
  SELECT hex(randomblob(496)) FROM n`;

async function fill(primary: Primary): Promise<void> {
  await primary.recreateTable();
  await primary.database.execute('CREATE TABLE big (id INTEGER PRIMARY KEY, body TEXT NOT NULL)');
  for (let count = 0; count < rows; count += rowsAtOnce) {
    await primary.database.execute(insertMany);
  }
}

/** Makes the database on the server a replica of the primary, or does nothing when it is one. */
async function follow(replica: BenchServer, primary: Primary): Promise<void> {
  const { databases } = await replica.client.status('');
  if (databases.every(({ database }) => database !== databaseName)) {
    await replica.client.createDatabase(replicaOf(primary, databaseName));
  }
  await caughtUp(replica);
}

async function caughtUp(replica: BenchServer): Promise<void> {
  for (;;) {
    const { databases } = await replica.client.status(databaseName);
    const { state, lagTransactions } = databases[0]?.replicator ?? {};
    if (state === 'streaming' && lagTransactions === 0) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Compares the two as `quorate verify` does; returns bytes of rows per second. @throws Error when they differ */
async function verifyOnce(primary: Primary, replica: BenchServer): Promise<number> {
  using client = new NodeClient({ host: '127.0.0.1', port: primary.port });
  await client.login('admin', adminPassword);
  const reference = client.verification.database(databaseName);
  const began = performance.now();
  const { sizeBytes, differences } = await compareNodes({
    here: replica.client.verification.database(databaseName),
    reference,
    writer: reference,
    marker: randomBytes(16).toString('hex'),
    maxDifferences: 1,
    content: false,
  });
  if (differences.length > 0) {
    throw new Error(`the nodes differ: ${JSON.stringify(differences[0])}`);
  }
  return sizeBytes / ((performance.now() - began) / 1000);
}

async function verifyRates({ rounds, directory }: BenchmarkOptions, primary: Primary): Promise<number[]> {
  await using replica = await BenchServer.start(path.join(directory, 'replica'), ...scrubNever);
  await follow(replica, primary);
  await fill(primary);
  await caughtUp(replica);
  const rates: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    rates.push(await verifyOnce(primary, replica));
  }
  return rates;
}

/** Writes to the primary while a replica follows that was started with `flags`. */
function writing(
  name: string,
  flags: readonly string[],
  { directory }: BenchmarkOptions,
  primary: Primary,
): Contestant {
  return {
    name,
    async measure(seconds) {
      await primary.recreateTable();
      await using replica = await BenchServer.start(path.join(directory, 'replica'), ...flags);
      await follow(replica, primary);
      const rate = await insertRate(primary, writers, seconds);
      await caughtUp(replica);
      return rate;
    },
  };
}

async function run(options: BenchmarkOptions): Promise<void> {
  const { directory, report, rounds, seconds } = options;
  await using primary = await Primary.start(path.join(directory, 'primary'));
  const rates = (await verifyRates(options, primary)).map((rate) => rate / bytesPerMegabyte);
  report.print(`verify: ${rates.map(formatNumber).join(', ')} MB/s`);
  report.detail('verifyMegabytesPerSecond', rates);
  report.figure('verify.mb_per_s', median(rates));
  const contestants = [
    writing(names.before, scrubNever, options, primary),
    writing(names.during, scrubAlways, options, primary),
    writing(names.after, scrubNever, options, primary),
  ];
  const results = await runRounds(contestants, { rounds, seconds, unit: 'tx/s', print: report.print });
  report.detail('transactionsPerSecond', Object.fromEntries(results));
  const after = valuesOf(results, names.after);
  const without = valuesOf(results, names.before).map((rate, round) => median([rate, after[round] ?? rate]));
  report.figure('scrub.write_ratio', medianRatio(valuesOf(results, names.during), without));
}

export const benchmark: Benchmark = {
  question: 'How fast are two nodes of 1 GB compared, and what do writers notice of the scrub in the background?',
  rounds: 5,
  seconds: 10,
  run,
};
