import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { type Client, createClient, type InStatement } from '@libsql/client';
import type { Benchmark, BenchmarkOptions } from './measuring/benchmark.ts';
import { runProgram } from './measuring/children.ts';
import { medianRatio } from './measuring/median.ts';
import { type Contestant, formatNumber, runRounds, valuesOf } from './measuring/rounds.ts';
import { ConstantServer } from './nodes/constant.ts';
import type { LoadOrder } from './nodes/hrana-load.ts';
import { insertItem, itemTableStatements, itemValues, scatter } from './nodes/item-table.ts';
import { processorSeconds } from './nodes/process-memory.ts';
import { adminPassword, BenchServer } from './nodes/server.ts';

const rowCount = 10_000;
const inFlight = 64;
const database = 'defaultdb';
const readSql = 'SELECT id, k, n FROM item WHERE id = ?';

/** Clients of the raw load, each a process. */
const loadClients = 3;

const loadClient = fileURLToPath(new URL('./nodes/hrana-load.ts', import.meta.url));

const microseconds = 1_000_000;

function read(index: number): InStatement {
  return { sql: readSql, args: [BigInt(1 + (scatter(index) % rowCount))] };
}

function write(index: number): InStatement {
  const [key, text, number] = itemValues(index);
  return { sql: insertItem, args: [key, text, BigInt(number)] };
}

async function run({ rounds, seconds, directory, report }: BenchmarkOptions): Promise<void> {
  await using server = await BenchServer.start(path.join(directory, 'server'));
  await fill(server);
  const { token } = await server.client.login('admin', adminPassword);
  await using constantServer = await ConstantServer.start();
  const constant = constantServer.address;
  const ours = `${server.httpAddress}/${database}/`;
  const clients = [
    { name: 'quorate ws', client: connect(`ws://${ours}`, token) },
    { name: 'constant ws', client: connect(`ws://${constant}/`, token) },
    { name: 'quorate http', client: connect(`http://${ours}`, token) },
    { name: 'constant http', client: connect(`http://${constant}/`, token) },
  ];
  const contestants = clients.flatMap(({ name, client }) => [
    contestant(`${name} reads`, client, read),
    contestant(`${name} writes`, client, write),
  ]);
  const results = await runRounds(contestants, { rounds, seconds, unit: '/s', print: report.print });
  for (const { client } of clients) {
    client.close();
  }
  report.detail('perSecond', Object.fromEntries(results));
  const ratio = (transport: string, what: string) =>
    medianRatio(valuesOf(results, `quorate ${transport} ${what}`), valuesOf(results, `constant ${transport} ${what}`));
  report.figure('hrana.read_vs_constant', ratio('ws', 'reads'));
  report.figure('hrana.write_vs_constant', ratio('ws', 'writes'));
  report.figure('hrana.http_read_vs_constant', ratio('http', 'reads'));
  report.figure('hrana.http_write_vs_constant', ratio('http', 'writes'));
  for (const transport of ['ws', 'http'] as const) {
    const order = { transport, target: ours, token, sql: readSql, inFlight, seconds };
    const load = await rawLoad(server, order);
    report.print(
      `${transport}, ${loadClients} raw clients: ${formatNumber(load.perSecond)} reads/s, ${formatNumber(load.cpuMicroseconds)} µs of processor time each`,
    );
    report.figure(`hrana.raw_${transport}_reads_per_second`, load.perSecond);
    report.figure(`hrana.raw_${transport}_cpu_us`, load.cpuMicroseconds);
  }
  report.missing('sqld, which is not looked for; rqlite is measured by quorum');
}

async function fill(server: BenchServer): Promise<void> {
  const rows = Array.from({ length: rowCount }, (_value, index) => ({
    sql: insertItem,
    parameters: itemValues(index),
  }));
  await server.client.execute(
    database,
    itemTableStatements.map((sql) => ({ sql })),
  );
  await server.client.execute(database, rows);
}

function connect(url: string, authToken: string): Client {
  return createClient({ url, authToken, concurrency: inFlight, intMode: 'bigint' });
}

/** Keeps `inFlight` statements of one client waiting for their answers. */
function contestant(name: string, client: Client, statement: (index: number) => InStatement): Contestant {
  let next = 0;
  return {
    name,
    async measure(seconds) {
      const start = performance.now();
      const endMs = start + seconds * 1000;
      let answered = 0;
      const worker = async () => {
        while (performance.now() < endMs) {
          next += 1;
          const { rows, rowsAffected } = await client.execute(statement(next));
          if (rows.length + rowsAffected === 0) {
            throw new Error(`${name}: nothing was found or written`);
          }
          answered += 1;
        }
      };
      await Promise.all(Array.from({ length: inFlight }, worker));
      return answered / ((performance.now() - start) / 1000);
    },
  };
}

/** Load from several processes, and the processor time of the server and its readers for one request. */
async function rawLoad(server: BenchServer, order: LoadOrder): Promise<{ perSecond: number; cpuMicroseconds: number }> {
  const before = processorSeconds(server.pid);
  const flags = ['--conditions=quorate-source', loadClient, JSON.stringify(order)];
  const runs = Array.from({ length: loadClients }, () => runProgram(process.execPath, flags, {}));
  const answered = (await Promise.all(runs)).reduce((sum, output) => sum + Number(output), 0);
  const used = processorSeconds(server.pid) - before;
  return { perSecond: answered / order.seconds, cpuMicroseconds: (used / answered) * microseconds };
}

export const benchmark: Benchmark = {
  question: 'How much of what a client of Hrana gets from a server that does nothing does it get from Quorate?',
  rounds: 5,
  seconds: 3,
  run,
};
