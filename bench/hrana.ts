import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { type Client, createClient, type InStatement } from '@libsql/client';
import type { Benchmark, BenchmarkOptions } from './measuring/benchmark.ts';
import { runProgram } from './measuring/children.ts';
import { closedLoopRate } from './measuring/closed-loop.ts';
import { medianRatio } from './measuring/median.ts';
import { type Contestant, formatNumber, runRounds, valuesOf } from './measuring/rounds.ts';
import { ConstantServer } from './nodes/constant.ts';
import type { LoadOrder } from './nodes/hrana-load.ts';
import { insertItem, itemTableStatements, itemValues, scatter, selectItem } from './nodes/item-table.ts';
import { processorSeconds } from './nodes/process-memory.ts';
import { adminPassword, BenchServer } from './nodes/server.ts';
import { RqliteCluster } from './peers/rqlite-cluster.ts';
import { Sqld } from './peers/sqld.ts';

const rowCount = 10_000;
const inFlight = 64;
const database = 'defaultdb';

/** Clients of the raw load, each a process. */
const loadClients = 3;

/** Requests of each of them when peers are compared: sqld takes 128 at once. */
const peerInFlight = 32;

const loadClient = fileURLToPath(new URL('./nodes/hrana-load.ts', import.meta.url));

const microseconds = 1_000_000;

function read(index: number): InStatement {
  return { sql: selectItem, args: [BigInt(1 + (scatter(index) % rowCount))] };
}

function write(index: number): InStatement {
  const [key, text, number] = itemValues(index);
  return { sql: insertItem, args: [key, text, BigInt(number)] };
}

async function run(options: BenchmarkOptions): Promise<void> {
  const { rounds, seconds, directory, report } = options;
  await using server = await BenchServer.start(path.join(directory, 'server'));
  await fill(server);
  const { token } = await server.client.login('admin', adminPassword);
  await using constantServer = await ConstantServer.start();
  const constant = constantServer.address;
  const ours = `${server.httpAddress}/${database}`;
  const clients = [
    { name: 'quorate ws', client: connect(`ws://${ours}/`, token) },
    { name: 'constant ws', client: connect(`ws://${constant}/`, token) },
    { name: 'quorate http', client: connect(`http://${ours}/`, token) },
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
    const load = await measuredLoad(server, { ...rawLoad(ours, token), transport, kind: 'reads', seconds });
    report.print(
      `${transport}, ${loadClients} raw clients: ${formatNumber(load.perSecond)} reads/s, ${formatNumber(load.cpuMicroseconds)} µs of processor time each`,
    );
    report.figure(`hrana.raw_${transport}_reads_per_second`, load.perSecond);
    report.figure(`hrana.raw_${transport}_cpu_us`, load.cpuMicroseconds);
  }
  await comparePeers(options, rawLoad(ours, token));
}

type RawLoad = Omit<LoadOrder, 'transport' | 'kind' | 'seconds'>;

function rawLoad(target: string, token: string): RawLoad {
  return { target, token, rowCount, inFlight };
}

/** A server that gets the same load as ours. */
interface LoadTarget {
  readonly name: string;
  readonly transport: LoadOrder['transport'];
  readonly load: RawLoad;
}

/** The peers that are installed, filled; they end with `running`. */
async function startPeers(
  { directory, report }: BenchmarkOptions,
  running: AsyncDisposableStack,
): Promise<LoadTarget[]> {
  const targets: LoadTarget[] = [];
  const rqlite = await RqliteCluster.start(path.join(directory, 'rqlite'), 1);
  if (rqlite === undefined) {
    report.missing('rqlite, so hrana.vs_rqlite_read and hrana.vs_rqlite_write are not measured');
  } else {
    running.use(rqlite);
    await rqlite.fill(rowCount);
    targets.push({ name: 'rqlite', transport: 'rqlite', load: rawLoad(rqlite.address, '') });
  }
  const sqld = await Sqld.start(path.join(directory, 'sqld'));
  if (sqld === undefined) {
    report.missing('sqld, so hrana.vs_sqld_read and hrana.vs_sqld_write are not measured');
  } else {
    running.use(sqld);
    const client = connect(`http://${sqld.address}`, '');
    const rows = Array.from({ length: rowCount }, (_value, index) => write(index));
    await client.batch([...itemTableStatements, ...rows], 'write');
    client.close();
    targets.push({ name: 'sqld', transport: 'http', load: rawLoad(sqld.address, '') });
  }
  return targets;
}

/** The same load over HTTP for all, from processes that do as little as they can. */
async function comparePeers(options: BenchmarkOptions, ours: RawLoad): Promise<void> {
  const { rounds, seconds, report } = options;
  await using running = new AsyncDisposableStack();
  const peers = await startPeers(options, running);
  if (peers.length === 0) {
    return;
  }
  const all: readonly LoadTarget[] = [{ name: 'quorate', transport: 'http', load: ours }, ...peers];
  const contestants = (['reads', 'writes'] as const).flatMap((kind) =>
    all.map(({ name, transport, load }) => ({
      name: `${name} raw ${kind}`,
      measure: (duration: number) => loadRate({ ...load, inFlight: peerInFlight, transport, kind, seconds: duration }),
    })),
  );
  const results = await runRounds(contestants, { rounds, seconds, unit: '/s', print: report.print });
  report.detail('rawPerSecond', Object.fromEntries(results));
  for (const { name } of peers) {
    for (const kind of ['read', 'write'] as const) {
      const ratio = medianRatio(valuesOf(results, `quorate raw ${kind}s`), valuesOf(results, `${name} raw ${kind}s`));
      report.figure(`hrana.vs_${name}_${kind}`, ratio);
    }
  }
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
      return await closedLoopRate(inFlight, seconds, async () => {
        next += 1;
        const { rows, rowsAffected } = await client.execute(statement(next));
        if (rows.length + rowsAffected === 0) {
          throw new Error(`${name}: nothing was found or written`);
        }
      });
    },
  };
}

/** Load from several processes; returns answers per second. */
async function loadRate(order: LoadOrder): Promise<number> {
  const flags = ['--conditions=quorate-source', loadClient, JSON.stringify(order)];
  const runs = Array.from({ length: loadClients }, () => runProgram(process.execPath, flags, {}));
  const answered = (await Promise.all(runs)).reduce((sum, output) => sum + Number(output), 0);
  return answered / order.seconds;
}

/** The same, with the processor time of the server and its readers for one request. */
async function measuredLoad(
  server: BenchServer,
  order: LoadOrder,
): Promise<{ perSecond: number; cpuMicroseconds: number }> {
  const before = processorSeconds(server.pid);
  const perSecond = await loadRate(order);
  const used = processorSeconds(server.pid) - before;
  return { perSecond, cpuMicroseconds: (used / (perSecond * order.seconds)) * microseconds };
}

export const benchmark: Benchmark = {
  question: 'How much of what a client of Hrana gets from a server that does nothing does it get from Quorate?',
  rounds: 5,
  seconds: 3,
  run,
};
