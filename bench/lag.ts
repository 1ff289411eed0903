import { decodePosition } from '../src/database/interface.ts';
import type { Benchmark, BenchmarkOptions } from './measuring/benchmark.ts';
import { median, percentile } from './measuring/median.ts';
import { formatNumber } from './measuring/rounds.ts';
import { insertRate } from './nodes/insert-load.ts';
import { Primary } from './nodes/primary.ts';
import { Replica } from './nodes/replica.ts';
import { type AppliedMoment, sharedClockNs } from './nodes/replica-messages.ts';

const writers = 64;

/** Part of the maximum write rate at which the lag is measured. */
const load = 0.5;

const nanosecondsPerMs = 1e6;

async function run({ rounds, seconds, directory, report }: BenchmarkOptions): Promise<void> {
  await using primary = await Primary.start(`${directory}/primary`);
  await using replica = await Replica.start(`${directory}/replica`, primary.port);
  await primary.recreateTable();
  await insertRate(primary, writers, 1);
  const p50: number[] = [];
  const p99: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    await primary.recreateTable();
    const maximum = await insertRate(primary, writers, seconds);
    await replica.waitFor(primary.database.position());
    const lags = await measureLags({ primary, replica, rate: maximum * load, seconds });
    p50.push(percentile(lags, 0.5));
    p99.push(percentile(lags, 0.99));
    report.print(
      `round ${round}: ${formatNumber(maximum)} tx/s at most; at ${formatNumber(lags.length / seconds)} tx/s lag p50 ` +
        `${formatNumber(p50.at(-1) ?? 0)} ms, p99 ${formatNumber(p99.at(-1) ?? 0)} ms, max ${formatNumber(percentile(lags, 1))} ms`,
    );
  }
  report.detail('lagMs', { p50, p99 });
  report.print(`median of the rounds: p50 ${formatNumber(median(p50))} ms, p99 ${formatNumber(median(p99))} ms`);
  report.figure('lag.p99_ms', median(p99));
}

interface LagLoad {
  readonly primary: Primary;
  readonly replica: Replica;
  readonly rate: number;
  readonly seconds: number;
}

/** Milliseconds from the answer to the writer until the replica shows the transaction, for each transaction. */
async function measureLags({ primary, replica, rate, seconds }: LagLoad): Promise<number[]> {
  const answers: AppliedMoment[] = [];
  replica.observe(primary.database.position());
  await insertSteadily(primary, rate, seconds, (position) => {
    answers.push([decodePosition(position).txId, sharedClockNs()]);
  });
  await replica.waitFor(primary.database.position());
  const moments = await replica.endObservation();
  answers.sort(([a], [b]) => a - b);
  const lags: number[] = [];
  let visible = 0;
  for (const [txId, answeredAt] of answers) {
    while ((moments[visible]?.[0] ?? Number.POSITIVE_INFINITY) < txId) {
      visible += 1;
    }
    lags.push(Math.max(0, (moments[visible]?.[1] ?? Number.NaN) - answeredAt) / nanosecondsPerMs);
  }
  return lags;
}

/** Sends inserts at an even rate, as many clients together do, whether or not earlier ones were answered. */
async function insertSteadily(
  primary: Primary,
  rate: number,
  seconds: number,
  onAnswer: (position: string) => void,
): Promise<void> {
  const start = performance.now();
  const pending: Promise<void>[] = [];
  for (let elapsed = 0; elapsed < seconds; elapsed = (performance.now() - start) / 1000) {
    while (pending.length < elapsed * rate) {
      pending.push(primary.insert(pending.length).then(onAnswer));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(pending);
}

export const benchmark: Benchmark = {
  question:
    'How long after the answer to the writer does a replica show a transaction, at half of the maximum write rate?',
  rounds: 5,
  seconds: 4,
  run,
};
