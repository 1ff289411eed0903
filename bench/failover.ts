import { EtcdCluster, etcdMissing } from '../test/coordinators/etcd-cluster.ts';
import type { Benchmark, BenchmarkOptions } from './measuring/benchmark.ts';
import { median, percentile } from './measuring/median.ts';
import { formatNumber } from './measuring/rounds.ts';
import { BenchGroup, type Failover, type Fault } from './nodes/group.ts';

const faults: readonly Fault[] = ['kill', 'stop'];

interface Coordinated {
  readonly name: string;
  readonly group: BenchGroup;
}

async function run({ rounds, report }: BenchmarkOptions): Promise<void> {
  const failovers = new Map<string, number[]>();
  const pauses: number[] = [];
  await using running = new AsyncDisposableStack();
  for (const { name, group } of await startGroups(running, report.missing.bind(report))) {
    for (let round = 1; round <= rounds; round += 1) {
      for (const fault of faults) {
        const failover = await group.failover(fault);
        report.print(`${name}, round ${round}, ${fault}: ${describe(failover)}`);
        const key = `${name} ${fault}`;
        failovers.set(key, [...(failovers.get(key) ?? []), failover.firstWriteMs]);
      }
      const pauseMs = await group.switchover();
      report.print(`${name}, round ${round}, switchover: writes pause for ${formatNumber(pauseMs)} ms`);
      pauses.push(pauseMs);
    }
  }
  report.detail('firstWriteMs', Object.fromEntries(failovers));
  report.detail('switchoverPauseMs', pauses);
  for (const [key, values] of failovers) {
    const [name, fault] = key.split(' ');
    const prefix = `failover.${name}.${fault === 'kill' ? '' : `${fault}_`}`;
    report.figure(`${prefix}p50_ms`, median(values));
    report.figure(`${prefix}p99_ms`, percentile(values, 0.99));
  }
  report.figure('switchover.pause_ms', median(pauses));
}

async function startGroups(running: AsyncDisposableStack, missing: (what: string) => void): Promise<Coordinated[]> {
  const local = { name: 'local', group: running.use(await BenchGroup.start()) };
  if (etcdMissing) {
    missing('etcd, so failover.etcd.p50_ms and failover.etcd.p99_ms are not measured');
    return [local];
  }
  const etcd = running.adopt(await EtcdCluster.start(), (cluster) => cluster.stop());
  const flags = ['--coordinator=etcd', `--etcd-endpoints=${etcd.endpoints}`];
  return [local, { name: 'etcd', group: running.use(await BenchGroup.start(flags)) }];
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
