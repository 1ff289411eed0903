import type { Benchmark, BenchmarkOptions } from './measuring/benchmark.ts';
import { medianRatio } from './measuring/median.ts';
import { type Contestant, runRounds, valuesOf } from './measuring/rounds.ts';
import { insertRate } from './nodes/insert-load.ts';
import { Primary } from './nodes/primary.ts';
import { Replica } from './nodes/replica.ts';
import { BareSqlite } from './peers/bare-sqlite.ts';
import { type PgbenchLoad, pgbenchRate } from './peers/pgbench.ts';
import { PostgresCluster } from './peers/postgres-cluster.ts';

const names = {
  quorate: 'quorate, 64 writers',
  bare: 'bare SQLite',
  postgres: 'PostgreSQL, 64 clients',
  quorateOne: 'quorate, 1 writer',
  postgresOne: 'PostgreSQL, 1 client',
} as const;

const manyWriters = 64;

async function run({ rounds, seconds, keys, directory, report }: BenchmarkOptions): Promise<void> {
  await using primary = await Primary.start(`${directory}/primary`, keys);
  await using replica = await Replica.start(`${directory}/replica`, primary.port);
  using bare = new BareSqlite(directory, keys);
  await using postgres = await PostgresCluster.start(`${directory}/postgres`);
  const contestants = [
    quorateContestant(names.quorate, { primary, replica, writers: manyWriters }),
    { name: names.bare, measure: (duration: number) => Promise.resolve(bare.insertRate(duration)) },
    ...postgresContestants(names.postgres, postgres, { directory, keys, clients: manyWriters }),
    quorateContestant(names.quorateOne, { primary, replica, writers: 1 }),
    ...postgresContestants(names.postgresOne, postgres, { directory, keys, clients: 1 }),
  ];
  const results = await runRounds(contestants, { rounds, seconds, unit: 'tx/s', print: report.print });
  report.detail('transactionsPerSecond', Object.fromEntries(results));
  const ratio = (ours: string, theirs: string) => medianRatio(valuesOf(results, ours), valuesOf(results, theirs));
  report.figure('write.vs_bare', ratio(names.quorate, names.bare));
  if (postgres === undefined) {
    report.missing('postgres 15 (initdb and pgbench), so write.vs_postgres and write.vs_postgres_1 are not measured');
    return;
  }
  report.usesPostgres(postgres.version);
  report.figure('write.vs_postgres', ratio(names.quorate, names.postgres));
  report.figure('write.vs_postgres_1', ratio(names.quorateOne, names.postgresOne));
}

interface QuorateLoad {
  readonly primary: Primary;
  readonly replica: Replica;
  readonly writers: number;
}

/** The replica follows while the primary is measured, and has caught up before the next contestant begins. */
function quorateContestant(name: string, { primary, replica, writers }: QuorateLoad): Contestant {
  return {
    name,
    async measure(seconds) {
      await primary.recreateTable();
      const rate = await insertRate(primary, writers, seconds);
      await replica.waitFor(primary.database.position());
      return rate;
    },
  };
}

function postgresContestants(name: string, cluster: PostgresCluster | undefined, load: PgbenchLoad): Contestant[] {
  return cluster === undefined ? [] : [{ name, measure: (seconds) => pgbenchRate(cluster, load, seconds) }];
}

export const benchmark: Benchmark = {
  question: 'How many single-row inserts does a primary with one asynchronous replica commit per second?',
  rounds: 5,
  seconds: 4,
  run,
};
