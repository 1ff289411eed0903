import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Benchmark, BenchmarkOptions } from './measuring/benchmark.ts';
import { median } from './measuring/median.ts';
import { measureMemory, type ProcessMemory } from './nodes/process-memory.ts';
import { BenchServer } from './nodes/server.ts';

const database = 'defaultdb';
const bytesPerMegabyte = 1_000_000;

/** Transactions in the log and, with the bytes of each row, a database of a gigabyte. */
const transactions = 100_000;
const rowBytes = 10_000;
const loaders = 32;

/** Of the light load: a write and a read each time. */
const requestIntervalMs = 10;
const sampleIntervalMs = 500;

const createTable = 'CREATE TABLE document(id INTEGER PRIMARY KEY, content BLOB NOT NULL)';
const insert = 'INSERT INTO document(content) VALUES (randomblob(?))';
const read = 'SELECT id, length(content) FROM document WHERE id = ?';

async function run({ seconds, directory, report }: BenchmarkOptions): Promise<void> {
  const server = await BenchServer.start(directory);
  const empty = measureMemory(server.pid);
  await fill(server);
  const afterLoading = measureMemory(server.pid);
  await server[Symbol.asyncDispose]();
  report.print(`on disk: ${JSON.stringify(diskMegabytes(path.join(directory, 'databases', database)))} MB`);
  await using restarted = await BenchServer.start(directory);
  const idle = await sample(restarted, seconds, () => Promise.resolve());
  const loaded = await sample(restarted, seconds, (count) => request(restarted, count));
  const moments = { empty, 'after loading': afterLoading, idle, 'under light load': loaded };
  for (const [name, memory] of Object.entries(moments)) {
    report.print(`${name}: ${describe(memory)}`);
  }
  report.detail('memoryMb', moments);
  report.figure('memory.rss_mb', loaded.treeMb);
}

async function fill({ client }: BenchServer): Promise<void> {
  await client.execute(database, [{ sql: createTable }]);
  let next = 0;
  const load = async () => {
    while (next < transactions) {
      next += 1;
      await client.execute(database, [{ sql: insert, parameters: [rowBytes] }]);
    }
  };
  await Promise.all(Array.from({ length: loaders }, load));
}

async function request({ client }: BenchServer, count: number): Promise<void> {
  await client.execute(database, [{ sql: insert, parameters: [100] }]);
  await client.execute(database, [{ sql: read, parameters: [1 + (count % transactions)] }]);
}

/** Median of the memory while something is asked of the server at even intervals. */
async function sample(
  server: BenchServer,
  seconds: number,
  act: (count: number) => Promise<void>,
): Promise<ProcessMemory> {
  const samples: ProcessMemory[] = [];
  const start = performance.now();
  for (let count = 0; performance.now() - start < seconds * 1000; count += 1) {
    await act(count);
    await new Promise((resolve) => setTimeout(resolve, requestIntervalMs));
    if (performance.now() - start > samples.length * sampleIntervalMs) {
      samples.push(measureMemory(server.pid));
    }
  }
  return {
    processes: Math.max(...samples.map(({ processes }) => processes)),
    mainMb: median(samples.map(({ mainMb }) => mainMb)),
    treeMb: median(samples.map(({ treeMb }) => treeMb)),
    treeOnceMb: median(samples.map(({ treeOnceMb }) => treeOnceMb)),
  };
}

function describe({ processes, mainMb, treeMb, treeOnceMb }: ProcessMemory): string {
  const [all, once, main] = [treeMb, treeOnceMb, mainMb].map((size) => size.toFixed(0));
  return `${all} MB in ${processes} processes (${once} MB with shared pages counted once), ${main} MB in the main one`;
}

function diskMegabytes(directory: string): Readonly<Record<string, number>> {
  const sizes: Record<string, number> = {};
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const file = statSync(path.join(directory, name));
    if (file.isFile()) {
      const inContent = name.replace(/^content-\d+\//, '');
      const group = inContent.startsWith('log') ? 'log' : inContent;
      sizes[group] = (sizes[group] ?? 0) + file.size;
    }
  }
  return Object.fromEntries(Object.entries(sizes).map(([name, bytes]) => [name, Math.round(bytes / bytesPerMegabyte)]));
}

export const benchmark: Benchmark = {
  question: 'How much memory does a server take with a database of 1 GB and 100,000 transactions in its log?',
  rounds: 1,
  seconds: 10,
  run,
};
