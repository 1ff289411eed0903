import type { Benchmark, BenchmarkOptions } from './measuring/benchmark.ts';
import { medianRatio } from './measuring/median.ts';
import type { Report } from './measuring/report.ts';
import { type Contestant, runRounds, valuesOf } from './measuring/rounds.ts';
import { insertRate } from './nodes/insert-load.ts';
import { Primary } from './nodes/primary.ts';
import { Replica } from './nodes/replica.ts';
import { ImmudbPair } from './peers/immudb-pair.ts';
import { type Peer, peerRate } from './peers/peer.ts';
import { pgbenchRate } from './peers/pgbench.ts';
import { PostgresCluster } from './peers/postgres-cluster.ts';
import { RqliteCluster } from './peers/rqlite-cluster.ts';

const names = {
  many: 'quorate, 64 writers, sync 1',
  postgresMany: 'PostgreSQL, 64 clients, ANY 1',
  one: 'quorate, 1 writer, sync 1',
  postgresOne: 'PostgreSQL, 1 client, ANY 1',
} as const;

const manyWriters = 64;
/** What the figures are called after; each is measured with many clients and with one. */
const otherPeers = {
  rqlite: (directory: string) => RqliteCluster.start(directory),
  immudb: (directory: string) => ImmudbPair.start(directory),
} as const;

const syncOne = { acks: { kind: 'sync', acks: 1 } } as const;

async function run({ rounds, seconds, directory, report }: BenchmarkOptions): Promise<void> {
  await using primary = await Primary.start(`${directory}/primary`);
  await using first = await Replica.start(`${directory}/first`, primary.port);
  await using second = await Replica.start(`${directory}/second`, primary.port);
  await using postgres = await PostgresCluster.start(`${directory}/postgres`, {
    standbys: ['standby', 'standby2'],
    synchronous: 'ANY 1 (standby, standby2)',
  });
  await using running = new AsyncDisposableStack();
  const peers = await startPeers(directory, running, report);
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
  const peerContestants = (clients: number): Contestant[] =>
    peers.map((peer) => ({
      name: peerName(peer, clients),
      measure: (duration) => peerRate(peer, clients, duration),
    }));
  const contestants = [
    quorate(names.many, manyWriters),
    ...pgbench(names.postgresMany, manyWriters),
    ...peerContestants(manyWriters),
    quorate(names.one, 1),
    ...pgbench(names.postgresOne, 1),
    ...peerContestants(1),
  ];
  const results = await runRounds(contestants, { rounds, seconds, unit: 'tx/s', print: report.print });
  report.detail('transactionsPerSecond', Object.fromEntries(results));
  const ratio = (ours: string, theirs: string) => medianRatio(valuesOf(results, ours), valuesOf(results, theirs));
  if (postgres === undefined) {
    report.missing(
      'postgres 15 (initdb and pgbench), so quorum.vs_postgres_64 and quorum.vs_postgres_1 are not measured',
    );
  } else {
    report.usesPostgres(postgres.version);
    report.figure('quorum.vs_postgres_64', ratio(names.many, names.postgresMany));
    report.figure('quorum.vs_postgres_1', ratio(names.one, names.postgresOne));
  }
  for (const peer of peers) {
    report.figure(`quorum.vs_${peer.name}_64`, ratio(names.many, peerName(peer, manyWriters)));
    report.figure(`quorum.vs_${peer.name}_1`, ratio(names.one, peerName(peer, 1)));
  }
}

/** Starts the peers that are installed; they end with `running`. */
async function startPeers(directory: string, running: AsyncDisposableStack, report: Report): Promise<Peer[]> {
  const peers: Peer[] = [];
  for (const [name, start] of Object.entries(otherPeers)) {
    const peer = await start(`${directory}/${name}`);
    if (peer === undefined) {
      report.missing(`${name}, so quorum.vs_${name}_64 and quorum.vs_${name}_1 are not measured`);
    } else {
      peers.push(running.use(peer));
    }
  }
  return peers;
}

function peerName({ name }: Peer, clients: number): string {
  return `${name}, ${clients} ${clients === 1 ? 'client' : 'clients'}`;
}

export const benchmark: Benchmark = {
  question: 'How many single-row inserts commit per second when one of two replicas must hold each of them durably?',
  rounds: 5,
  seconds: 4,
  run,
};
