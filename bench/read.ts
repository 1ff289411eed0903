import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Quorate, type QuorateDatabase } from '../src/library/interface.ts';
import type { Benchmark, BenchmarkOptions } from './measuring/benchmark.ts';
import { medianRatio } from './measuring/median.ts';
import { type Contestant, runRounds, valuesOf } from './measuring/rounds.ts';
import { scatter } from './nodes/item-table.ts';
import { adminPassword, databaseName, Primary } from './nodes/primary.ts';

const rowCount = 100_000;
const sql = 'SELECT id, k, v, n FROM item WHERE id = ?';

/** Reads between two looks at the clock. */
const burst = 1000;

/** What the library does, and what it is compared with. */
const pairs = [
  { ours: 'quorate queryOne', theirs: 'bare get' },
  { ours: 'quorate query', theirs: 'bare all' },
] as const;

async function run({ rounds, seconds, directory, report }: BenchmarkOptions): Promise<void> {
  await using primary = await Primary.start(path.join(directory, 'primary'));
  await primary.recreateTable();
  await primary.fill(rowCount);
  const replicaDirectory = path.join(directory, 'replica');
  await using node = await Quorate.open({ directory: replicaDirectory });
  const upstream = { host: '127.0.0.1', port: primary.port, username: 'admin', password: adminPassword };
  const replica = await node.replica(databaseName, upstream);
  await replica.waitFor(primary.database.position(), { timeoutMs: 60_000 });
  using bare = new DatabaseSync(path.join(replicaDirectory, 'databases', databaseName, 'content-1', 'data.sqlite'), {
    readOnly: true,
  });
  const results = await runRounds(contestants(replica, bare), {
    rounds,
    seconds,
    unit: 'reads/s',
    print: report.print,
  });
  report.detail('readsPerSecond', Object.fromEntries(results));
  const ratios: number[] = [];
  for (const { ours, theirs } of pairs) {
    const ratio = medianRatio(valuesOf(results, ours), valuesOf(results, theirs));
    report.print(`${ours} / ${theirs}: ${ratio.toFixed(3)}`);
    ratios.push(ratio);
  }
  report.figure('read.vs_bare', Math.min(...ratios));
}

function contestants(replica: QuorateDatabase, bare: DatabaseSync): Contestant[] {
  const statement = bare.prepare(sql);
  return [
    contestant('quorate queryOne', (id) => replica.queryOne<{ n: number }>(sql, [id])?.n),
    contestant('bare get', (id) => statement.get(id)?.['n']),
    contestant('quorate query', (id) => replica.query<{ n: number }>(sql, [id])[0]?.n),
    contestant('bare all', (id) => statement.all(id)[0]?.['n']),
  ];
}

/** `read` gives column n of a row, which is checked: all contestants must have found it. */
function contestant(name: string, read: (id: number) => unknown): Contestant {
  let next = 0;
  const readOnce = () => {
    next += 1;
    const id = 1 + (scatter(next) % rowCount);
    if (read(id) !== id) {
      throw new Error(`${name} did not find row ${id}`);
    }
  };
  return {
    name,
    measure(seconds) {
      const start = performance.now();
      let count = 0;
      while (performance.now() - start < seconds * 1000) {
        for (let i = 0; i < burst; i += 1) {
          readOnce();
        }
        count += burst;
      }
      return Promise.resolve(count / ((performance.now() - start) / 1000));
    },
  };
}

export const benchmark: Benchmark = {
  question: 'How fast are point reads by primary key on a replica in this process, against node:sqlite itself?',
  // Many short rounds: reads are so short that whatever else runs on the machine disturbs single ones.
  rounds: 25,
  seconds: 0.2,
  run,
};
