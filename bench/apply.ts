import type { Benchmark, BenchmarkOptions } from './measuring/benchmark.ts';
import { median, medianRatio } from './measuring/median.ts';
import { formatNumber } from './measuring/rounds.ts';
import { Primary } from './nodes/primary.ts';
import { Replica } from './nodes/replica.ts';

/** Transactions that the replica finds when it connects. */
const backlog = 200_000;
const writers = 64;

/** Each round has a new primary, whose backlog a new replica replays, so that all rounds do the same work. */
async function run({ rounds, directory, report }: BenchmarkOptions): Promise<void> {
  const writeRates: number[] = [];
  const applyRates: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    await using primary = await Primary.start(`${directory}/primary-${round}`);
    const writeRate = await backlogRate(primary);
    const applyRate = await replayRate(primary, `${directory}/replica-${round}`);
    writeRates.push(writeRate);
    applyRates.push(applyRate);
    report.print(
      `round ${round}: written at ${formatNumber(writeRate)} tx/s, replayed at ${formatNumber(applyRate)} tx/s`,
    );
  }
  report.detail('transactionsPerSecond', { write: writeRates, apply: applyRates });
  report.print(
    `medians: written ${formatNumber(median(writeRates))} tx/s, replayed ${formatNumber(median(applyRates))} tx/s`,
  );
  report.figure('apply.vs_write', medianRatio(applyRates, writeRates));
}

async function backlogRate(primary: Primary): Promise<number> {
  await primary.recreateTable();
  const start = performance.now();
  let next = 0;
  const write = async () => {
    while (next < backlog) {
      next += 1;
      await primary.insert(next);
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
  return backlog / ((performance.now() - start) / 1000);
}

/** From the moment the replica begins to connect until it shows all transactions. */
async function replayRate(primary: Primary, directory: string): Promise<number> {
  await using replica = await Replica.start(directory, primary.port);
  return backlog / (await replica.waitFor(primary.database.position()));
}

export const benchmark: Benchmark = {
  question: `How fast does a new replica replay ${backlog} transactions, against the rate they were written at?`,
  rounds: 5,
  seconds: 1,
  run,
};
