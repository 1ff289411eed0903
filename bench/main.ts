/** `npm run bench -- NAME`: answers one question about speed. bench/README.md tells how to read the answers. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import type { Benchmark } from './measuring/benchmark.ts';
import { Report } from './measuring/report.ts';

const benchmarks: Readonly<Record<string, () => Promise<{ readonly benchmark: Benchmark }>>> = {
  write: () => import('./write.ts'),
  quorum: () => import('./quorum.ts'),
  apply: () => import('./apply.ts'),
  lag: () => import('./lag.ts'),
  read: () => import('./read.ts'),
  snapshot: () => import('./snapshot.ts'),
  verify: () => import('./verify.ts'),
  memory: () => import('./memory.ts'),
  hrana: () => import('./hrana.ts'),
  failover: () => import('./failover.ts'),
};

const usage = `Usage: npm run bench -- NAME [--rounds N] [--seconds N] [--keys ORDER]
NAME is one of: ${Object.keys(benchmarks).join(', ')}
  --rounds N   how often each contestant runs
  --seconds N  how long it runs each time
  --keys ORDER of the index that \`write\` fills: sequential (default) or random
`;

function positiveNumber(text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!(value > 0)) {
    throw new Error(`${text} is not a number above 0`);
  }
  return value;
}

/** A folder for everything that is measured; gone when this process ends, however it ends. */
function makeDirectory(): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'quorate-bench-'));
  // PostgreSQL refuses to run as root and has to reach its own folder in here.
  chmodSync(directory, 0o755);
  process.on('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  return directory;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      keys: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [name = ''] = positionals;
  const load = benchmarks[name];
  if (values.help || load === undefined) {
    console.error(usage);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const { benchmark } = await load();
  const rounds = Math.ceil(positiveNumber(values.rounds, benchmark.rounds));
  const seconds = positiveNumber(values.seconds, benchmark.seconds);
  const keys = values.keys === 'random' ? 'random' : 'sequential';
  const directory = makeDirectory();
  const report = new Report(name, directory);
  report.print(benchmark.question);
  report.detail('rounds', rounds);
  report.detail('seconds', seconds);
  report.detail('keys', keys);
  await benchmark.run({ rounds, seconds, keys, directory, report });
  report.finish();
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => process.exit(130));
}
await main();
