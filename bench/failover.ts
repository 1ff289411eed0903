import { EtcdCluster, etcdMissing } from '../test/coordinators/etcd-cluster.ts';
import { NetworkNamespaces } from '../test/faults/namespaces.ts';
import type { Benchmark, BenchmarkOptions } from './measuring/benchmark.ts';
import { median, percentile } from './measuring/median.ts';
import { formatNumber } from './measuring/rounds.ts';
import { BenchGroup, type Failover, type Fault } from './nodes/group.ts';
import { PatroniCluster, type PatroniTimes, patroniTimes } from './peers/patroni-cluster.ts';

/** Rounds of the peers, whose failovers take half a minute each. */
const maxPeerRounds = 5;

interface Coordinated {
  readonly name: string;
  readonly group: BenchGroup;
  readonly faults: readonly Fault[];
}

type Durations = Partial<Record<Fault, number[]>>;

async function run(options: BenchmarkOptions): Promise<void> {
  const { report } = options;
  await using running = new AsyncDisposableStack();
  const etcd = etcdMissing ? undefined : running.adopt(await EtcdCluster.start(), (cluster) => cluster.stop());
  const pauses: number[] = [];
  let kills: readonly number[] = [];
  for (const coordinated of await startGroups(running, etcd)) {
    kills = (await measureGroup(coordinated, options, pauses)).kill ?? [];
  }
  report.figure('switchover.pause_ms', median(pauses));
  if (etcd === undefined) {
    report.missing('etcd, so failover.etcd.p50_ms, failover.etcd.p99_ms and failover.vs_patroni are not measured');
    return;
  }
  await measureNetwork(options, pauses);
  for (const [name, times] of Object.entries(patroniTimes)) {
    await comparePatroni({ name, times, etcd, ours: median(kills) }, options);
  }
}

/** A primary is cut off with the member of etcd on its node, which needs a network for each node. */
async function measureNetwork(options: BenchmarkOptions, pauses: number[]): Promise<void> {
  const missing = NetworkNamespaces.unavailable();
  if (missing !== undefined) {
    options.report.missing(`${missing}, so failover.etcd.cut_p50_ms and failover.etcd.cut_p99_ms are not measured`);
    return;
  }
  await using group = await BenchGroup.startInNetwork();
  await measureGroup({ name: 'etcd', group, faults: ['cut'] }, options, pauses);
}

async function measureGroup(
  { name, group, faults }: Coordinated,
  { rounds, report }: BenchmarkOptions,
  pauses: number[],
): Promise<Durations> {
  const failovers: Durations = {};
  for (let round = 1; round <= rounds; round += 1) {
    for (const fault of faults) {
      const failover = await group.failover(fault);
      report.print(`${name}, round ${round}, ${fault}: ${describe(failover)}`);
      failovers[fault] = [...(failovers[fault] ?? []), failover.firstWriteMs];
    }
    const pauseMs = await group.switchover();
    report.print(`${name}, round ${round}, switchover: writes pause for ${formatNumber(pauseMs)} ms`);
    pauses.push(pauseMs);
  }
  report.detail(`${name} ${faults.join(' ')} firstWriteMs`, failovers);
  for (const fault of faults) {
    const prefix = `failover.${name}.${fault === 'kill' ? '' : `${fault}_`}`;
    report.figure(`${prefix}p50_ms`, median(failovers[fault] ?? []));
    report.figure(`${prefix}p99_ms`, percentile(failovers[fault] ?? [], 0.99));
  }
  return failovers;
}

interface PatroniContest {
  readonly name: string;
  readonly times: PatroniTimes;
  readonly etcd: EtcdCluster;
  /** Milliseconds, the median with the same etcd. */
  readonly ours: number;
}

async function comparePatroni({ name, times, etcd, ours }: PatroniContest, options: BenchmarkOptions): Promise<void> {
  const { rounds, directory, report } = options;
  const addresses = etcd.members.map(({ clientPort }) => `127.0.0.1:${clientPort}`);
  await using patroni = await PatroniCluster.start({ directory: `${directory}/${name}`, etcd: addresses, times });
  if (patroni === undefined) {
    report.missing(`patroni and postgres 15, so failover.vs_${name} is not measured`);
    return;
  }
  const values: number[] = [];
  for (let round = 1; round <= Math.min(rounds, maxPeerRounds); round += 1) {
    values.push(await patroni.failover());
    report.print(
      `${name} (ttl ${times.ttl} s), round ${round}: first write after ${formatNumber(values.at(-1) ?? 0)} ms`,
    );
  }
  report.detail(name, { version: patroni.version, times, firstWriteMs: values });
  report.figure(`failover.${name}.p50_ms`, median(values));
  report.figure(`failover.vs_${name}`, median(values) / ours);
}

async function startGroups(running: AsyncDisposableStack, etcd: EtcdCluster | undefined): Promise<Coordinated[]> {
  const faults: readonly Fault[] = ['kill', 'stop'];
  const local = { name: 'local', group: running.use(await BenchGroup.start()), faults };
  if (etcd === undefined) {
    return [local];
  }
  const flags = ['--coordinator=etcd', `--etcd-endpoints=${etcd.endpoints}`];
  return [local, { name: 'etcd', group: running.use(await BenchGroup.start(flags)), faults }];
}

function describe({ firstWriteMs, pauseMs, timings }: Failover): string {
  const steps = Object.entries(timings).map(([step, ms]) => `${step} ${ms}`);
  return `first write after ${formatNumber(firstWriteMs)} ms, pause ${formatNumber(pauseMs)} ms; ${steps.join(', ')}`;
}

export const benchmark: Benchmark = {
  question: 'How long do writes wait when the primary is lost, or hands its place over?',
  rounds: 30,
  seconds: 1,
  run,
};
