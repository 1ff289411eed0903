import type { Benchmark, BenchmarkOptions } from './measuring/benchmark.ts';
import { medianRatio } from './measuring/median.ts';
import { type Contestant, runRounds, valuesOf } from './measuring/rounds.ts';
import { insertRate } from './nodes/insert-load.ts';
import { Primary } from './nodes/primary.ts';
import { Replica } from './nodes/replica.ts';
import { pgbenchRate } from './peers/pgbench.ts';
import { PostgresCluster } from './peers/postgres-cluster.ts';

const names = {
  many: 'quorate, 64 writers, sync 1',
  postgresMany: 'PostgreSQL, 64 clients, ANY 1',
  one: 'quorate, 1 writer, sync 1',
  postgresOne: 'PostgreSQL, 1 client, ANY 1',
} as const;

const manyWriters = 64;
const syncOne = { acks: { kind: 'sync', acks: 1 } } as const;

async function run({ rounds, seconds, directory, report }: BenchmarkOptions): Promise<void> {
  await using primary = await Primary.start(`${directory}/primary`);
  await using first = await Replica.start(`${directory}/first`, primary.port);
  await using second = await Replica.start(`${directory}/second`, primary.port);
  await using postgres = await PostgresCluster.start(`${directory}/postgres`, {
    standbys: ['standby', 'standby2'],
    synchronous: 'ANY 1 (standby, standby2)',
  });
  const quorate = (name: string, writers: number): Contestant => ({
    name,
    async measure(duration) {
      await primary.recreateTable();
      const rate = await insertRate(primary, writers, duration, syncOne);
      const position = primary.database.position();
      await Promise.all([first.waitFor(position), second.waitFor(position)]);
      return rate;
    },
  });
  const pgbench = (name: string, clients: number): Contestant[] =>
    postgres === undefined
      ? []
      : [{ name, measure: (duration) => pgbenchRate(postgres, { directory, clients, keys: 'sequential' }, duration) }];
  const contestants = [
    quorate(names.many, manyWriters),
    ...pgbench(names.postgresMany, manyWriters),
    quorate(names.one, 1),
    ...pgbench(names.postgresOne, 1),
  ];
  const results = await runRounds(contestants, { rounds, seconds, unit: 'tx/s', print: report.print });
  report.detail('transactionsPerSecond', Object.fromEntries(results));
  if (postgres === undefined) {
    report.missing(
      'postgres 15 (initdb and pgbench), so quorum.vs_postgres_64 and quorum.vs_postgres_1 are not measured',
    );
    return;
  }
  report.usesPostgres(postgres.version);
  const ratio = (ours: string, theirs: string) => medianRatio(valuesOf(results, ours), valuesOf(results, theirs));
  report.figure('quorum.vs_postgres_64', ratio(names.many, names.postgresMany));
  report.figure('quorum.vs_postgres_1', ratio(names.one, names.postgresOne));
}

export const benchmark: Benchmark = {
  question: 'How many single-row inserts commit per second when one of two replicas must hold each of them durably?',
  rounds: 5,
  seconds: 4,
  run,
};
