import { mkdirSync } from 'node:fs';
import path from 'node:path';
import {
  Database,
  type DatabaseContext,
  type DatabaseLimits,
  type DatabaseSettings,
} from '../../src/database/interface.ts';
import { asQuorateError } from '../../src/errors/interface.ts';
import type { ExportTxRequest, ExportTxResponse } from '../../src/proto/interface.ts';
import {
  type ChannelListener,
  Exporter,
  type MessageChannel,
  type ReplicationLimits,
  Replicator,
} from '../../src/replication/interface.ts';
import { type FileSystem, type Logger, type Runtime, SimulatedFileSystem } from '../../src/runtime/interface.ts';
import { Chance } from './chance.ts';
import { InlineWriter } from './inline-writer.ts';
import { type FileCall, lifeFiles, type StopMoment, type StopPlan } from './life-files.ts';
import type { Mutation } from './mutation.ts';
import { Life, simulatedRuntime } from './node-life.ts';
import type { NodeWatch } from './node-watch.ts';
import type { Host, SimulatedNetwork } from './simulated-network.ts';
import { type Owner, type SimulatedTime, world } from './simulated-time.ts';
import { SqliteImage } from './sqlite-image.ts';
import type { Trace } from './trace.ts';

/** What all nodes of a simulation share. */
export interface NodeWorld {
  readonly seed: number;
  readonly time: SimulatedTime;
  readonly network: SimulatedNetwork;
  readonly trace: Trace;
  readonly databaseLimits: DatabaseLimits;
  readonly replicationLimits: ReplicationLimits;
  readonly mutation: Mutation;
  /** Something happened that must not happen. */
  readonly onDefect: (what: string) => void;
}

export interface NodeOptions {
  /** Folder of the operating system in which SQLite's files of all nodes are. */
  readonly directory: string;
  readonly settings: DatabaseSettings;
  readonly watch: NodeWatch;
}

export type Crash = 'kill' | 'power';

export interface PlannedStop {
  /** How many calls still pass. */
  callsBefore: number;
  /** Which calls count; all if undefined. */
  readonly call?: FileCall;
  readonly moment: StopMoment;
  /** How the node ends soon after. */
  readonly crash: Crash;
}

/** What exists while the process of a node runs. */
interface Process {
  readonly life: Life;
  /** The writer's thread. */
  readonly thread: Life;
  readonly writer: InlineWriter;
  readonly runtime: Runtime;
  database?: Database;
  exporter?: Exporter;
  replicator?: Replicator;
}

/** Set once the writer's thread stands still for ever, with what the disk holds of SQLite from then on. */
interface Stop {
  readonly image: SqliteImage;
}

/** A machine with a disk, and on it, most of the time, a process that serves one database. */
export class SimulatedNode implements Host {
  readonly name: string;
  readonly watch: NodeWatch;
  readonly #world: NodeWorld;
  readonly #settings: DatabaseSettings;
  readonly #directory: string;
  readonly #disk: SimulatedFileSystem;
  readonly #chance: Chance;
  #process: Process | undefined;
  #stop: Stop | undefined;
  #planned: PlannedStop | undefined;
  #crashAfterStop: Crash = 'kill';
  #clockErrorMs = 0;

  constructor(name: string, options: NodeOptions, nodeWorld: NodeWorld) {
    this.name = name;
    this.watch = options.watch;
    this.#world = nodeWorld;
    this.#settings = options.settings;
    this.#directory = path.join(options.directory, name);
    this.#chance = new Chance(nodeWorld.seed, `node ${name}`);
    this.#disk = new SimulatedFileSystem(new Chance(nodeWorld.seed, `disk ${name}`).random);
    mkdirSync(path.dirname(this.sqlitePath), { recursive: true });
    makeDurably(this.#disk, options.directory);
  }

  get process(): Owner | undefined {
    return this.#process?.life;
  }

  /** The database while it is open. */
  get database(): Database | undefined {
    return this.#process?.database;
  }

  get replicator(): Replicator | undefined {
    return this.#process?.replicator;
  }

  /** The SQLite file, for readers. */
  get sqlitePath(): string {
    return path.join(this.#directory, 'content-1', 'data.sqlite');
  }

  get logDirectory(): string {
    return path.join(this.#directory, 'content-1', 'log');
  }

  /** The disk as another program would see it. */
  get files(): FileSystem {
    return this.#disk;
  }

  /** Whether the writer still works; it may have stopped for ever shortly before the node does. */
  get isHealthy(): boolean {
    return this.database !== undefined && this.#stop === undefined;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  setClockError(errorMs: number): void {
    this.#clockErrorMs = errorMs;
  }

  pause(durationMs: number): void {
    const until = this.#world.time.nowMs + durationMs;
    for (const life of [this.#process?.life, this.#process?.thread]) {
      if (life !== undefined) {
        life.pausedUntilMs = until;
      }
    }
  }

  start(): void {
    this.#world.trace.add(this.name, 'starts');
    const life = new Life();
    const process: Process = {
      life,
      ...this.#writerOf(life),
      runtime: this.#runtime(
        life,
        this.#filesOf(life, () => undefined),
      ),
    };
    this.#process = process;
    this.#open(process).catch((error: unknown) => this.#openFailed(process, error));
  }

  #writerOf(life: Life): { thread: Life; writer: InlineWriter } {
    const { time, mutation } = this.#world;
    const thread = new Life();
    const files = mutation.writerFiles(this.#filesOf(thread, (call) => this.#stopMoment(call)));
    const writer = new InlineWriter({
      time,
      chance: this.#chance,
      host: life,
      thread,
      runtime: this.#runtime(thread, files),
      onDefect: (error) => thread.alive && this.#defect(`the writer threw: ${String(error)}`),
    });
    return { thread, writer };
  }

  #filesOf(life: Life, plan: StopPlan): FileSystem {
    return lifeFiles({ files: this.#disk, life, plan, onStop: (call, moment) => this.#stopThread(call, moment) });
  }

  #runtime(life: Life, files: FileSystem): Runtime {
    const { time } = this.#world;
    const clockErrorMs = () => this.#clockErrorMs;
    return simulatedRuntime({
      time,
      life,
      random: this.#chance.random,
      files,
      logger: this.#logger(life),
      clockErrorMs,
    });
  }

  #logger(life: Life): Logger {
    const write = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) => {
      if (life.alive) {
        this.#world.trace.add(this.name, `${level}: ${message} ${String(fields['state'] ?? fields['code'] ?? '')}`);
      }
    };
    return { debug: () => {}, info: write('info'), warn: write('warn'), error: write('error') };
  }

  async #open(process: Process): Promise<void> {
    const { databaseLimits, trace } = this.#world;
    const context: DatabaseContext = {
      runtime: process.runtime,
      name: 'db',
      directory: this.#directory,
      origin: BigInt(this.name.codePointAt(0) ?? 0),
      limits: databaseLimits,
      startWriter: process.writer.start,
    };
    const database = Database.exists(context)
      ? await Database.open(context)
      : await Database.create(context, this.#settings);
    if (process.life.alive) {
      process.database = database;
      trace.add(this.name, `is open at ${describe(database)}`);
      this.watch.opened(database.positions());
      this.#serve(process, database);
    }
  }

  #openFailed(process: Process, error: unknown): void {
    const { code, message } = asQuorateError(error);
    if (!process.life.alive || this.#stop !== undefined) {
      return;
    }
    this.#world.trace.add(this.name, `does not open: ${code}`);
    if (code !== 'DISK_FULL') {
      this.#defect(`the database does not open: ${code} ${message}`);
    }
    this.#world.time.after(200, process.life, () => this.crash('kill', 0));
  }

  #serve(process: Process, database: Database): void {
    const { replicationLimits, network, mutation } = this.#world;
    const { runtime, life } = process;
    process.exporter = new Exporter({ source: database.source, limits: replicationLimits, runtime, maxReplicas: 16 });
    const { upstream } = this.#settings.replication;
    if (upstream !== undefined) {
      process.replicator = new Replicator({
        sink: this.watch.sink(mutation.sink(database.sink)),
        upstream,
        transport: this.watch.transport(mutation.transport(network.transport(this.name, life)), database),
        runtime,
        limits: replicationLimits,
        identity: { replicaId: this.name, replicaName: this.name },
      });
      process.replicator.start();
    }
  }

  accept(peer: MessageChannel<ExportTxResponse>, address: string): ChannelListener<ExportTxRequest> {
    const exporter = this.#process?.exporter;
    if (exporter === undefined) {
      throw asQuorateError(new Error('the database is not open yet'), 'UNAVAILABLE');
    }
    return exporter.accept(peer, address);
  }

  /** For a while nothing more can be written. */
  fillDisk(durationMs: number): void {
    const process = this.#process;
    if (process !== undefined) {
      this.#disk.planFaults(({ kind }) => (kind === 'write' || kind === 'create' ? 'disk-full' : undefined));
      this.#world.time.after(durationMs, process.life, () => this.#disk.planFaults(() => undefined));
    }
  }

  /** Ends everything that still goes wrong here. */
  heal(): void {
    this.#planned = undefined;
    this.#disk.planFaults(() => undefined);
    this.pause(0);
  }

  /** Lets the writer stop for ever at one of its next changes to a file, with a crash to follow. */
  planStop(stop: PlannedStop): void {
    this.#planned = { ...stop };
  }

  #stopMoment(call: FileCall): StopMoment | undefined {
    const planned = this.#planned;
    if (planned === undefined || (planned.call !== undefined && planned.call !== call)) {
      return undefined;
    }
    planned.callsBefore -= 1;
    if (planned.callsBefore >= 0) {
      return undefined;
    }
    this.#planned = undefined;
    this.#crashAfterStop = planned.crash;
    return planned.moment;
  }

  /**
   * The writer stands still in the middle of what it does, as in an fsync that does not return, while the other threads
   * go on for a while with what they have seen of its work. Then the machine goes down.
   */
  #stopThread(call: FileCall, moment: StopMoment): void {
    const process = this.#process;
    if (process === undefined || this.#stop !== undefined) {
      return;
    }
    this.#world.trace.add(this.name, `the writer stops ${moment} ${call}`);
    process.thread.alive = false;
    this.#stop = { image: SqliteImage.take(this.sqlitePath) };
    this.#world.time.after(this.#chance.between(0, 30), process.life, () => {
      this.crash(this.#crashAfterStop, this.#chance.between(10, 3_000));
    });
  }

  /** Ends the process in this very moment; it starts again after `downMs`. */
  crash(kind: Crash, downMs: number): void {
    const process = this.#process;
    if (process === undefined) {
      return;
    }
    const image = this.#stop?.image ?? SqliteImage.take(this.sqlitePath);
    process.life.alive = false;
    process.thread.alive = false;
    this.#process = undefined;
    this.#stop = undefined;
    this.#planned = undefined;
    process.writer.abandon();
    this.#world.network.lose(process.life, kind === 'kill' ? 'told' : 'silent');
    const lostBytes = kind === 'power' ? this.#losePower(image) : this.#disk.restart();
    image.restore();
    this.#world.trace.add(this.name, `goes down (${kind}), SQLite loses ${lostBytes ?? 0} bytes`);
    this.#world.time.after(downMs, world, () => this.start());
  }

  #losePower(image: SqliteImage): number {
    this.#disk.losePower();
    return image.losePower(this.#chance);
  }

  /** Ends the process in order; it starts again after `downMs`. */
  stop(downMs: number): void {
    const process = this.#process;
    this.#stopInOrder(downMs).catch((error: unknown) => {
      if (process?.thread.alive) {
        this.#defect(`it does not stop in order: ${String(error)}`);
      }
    });
  }

  async #stopInOrder(downMs: number): Promise<void> {
    const process = this.#process;
    if (process?.database === undefined || this.#stop !== undefined) {
      return;
    }
    this.#world.trace.add(this.name, 'stops in order');
    const { database } = process;
    delete process.database;
    await process.replicator?.[Symbol.asyncDispose]();
    process.exporter?.close(asQuorateError(new Error('the node is going down'), 'UNAVAILABLE'));
    await database[Symbol.asyncDispose]();
    if (process.life.alive) {
      this.crash('kill', downMs);
    }
  }

  /** The end of the simulation: lets go of SQLite's files. */
  end(): void {
    const process = this.#process;
    if (process !== undefined) {
      process.life.alive = false;
      process.thread.alive = false;
      process.writer.abandon();
      this.#process = undefined;
    }
  }

  #defect(what: string): void {
    this.#world.onDefect(`${this.name}: ${what}`);
  }
}

function describe(database: Database): string {
  const { tip, durable, commit, applied } = database.positions();
  return `tip ${tip} durable ${durable} commit ${commit} applied ${applied}`;
}

/** The folder in which databases are made has been there for long. */
function makeDurably(files: FileSystem, directory: string): void {
  files.makeDirectorySync(directory);
  for (let parent = directory; parent !== path.dirname(parent); parent = path.dirname(parent)) {
    files.syncDirectorySync(path.dirname(parent));
  }
}
