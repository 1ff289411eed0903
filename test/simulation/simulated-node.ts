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
import type { FileSystem, Runtime } from '../../src/runtime/interface.ts';
import { Chance } from './chance.ts';
import { EagerSource } from './eager-source.ts';
import { InlineWriter } from './inline-writer.ts';
import { type FileCall, type LifeFilesOptions, lifeFiles, type StopMoment, type StopPlan } from './life-files.ts';
import type { Mutation } from './mutation.ts';
import { Life, simulatedRuntime, traceLogger } from './node-life.ts';
import type { NodeWatch } from './node-watch.ts';
import { type PlannedStop, StopCountdown } from './planned-stop.ts';
import { type Crash, SimulatedMachine } from './simulated-machine.ts';
import type { Host, SimulatedNetwork } from './simulated-network.ts';
import { type Owner, type SimulatedTime, world } from './simulated-time.ts';
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
  /** Whether primaries send records before they are fsynced. */
  readonly sendsEagerly: boolean;
  /** Something happened that must not happen. */
  readonly onDefect: (what: string) => void;
}

export interface NodeOptions {
  /** Folder of the operating system in which SQLite's files of all nodes are. */
  readonly directory: string;
  readonly settings: DatabaseSettings;
  readonly watch: NodeWatch;
}

/** What exists while the process of a node runs. */
interface Process {
  readonly life: Life;
  /** The writer's thread. */
  readonly thread: Life;
  readonly writer: InlineWriter;
  readonly runtime: Runtime;
  database?: Database;
  /** Set on a primary that does not wait for its fsync before it sends. */
  eager?: EagerSource;
  exporter?: Exporter;
  replicator?: Replicator;
}

/** A machine with a disk, and on it, most of the time, a process that serves one database. */
export class SimulatedNode implements Host {
  readonly name: string;
  readonly watch: NodeWatch;
  readonly machine: SimulatedMachine;
  readonly #world: NodeWorld;
  readonly #settings: DatabaseSettings;
  readonly #chance: Chance;
  #process: Process | undefined;
  #planned: StopCountdown | undefined;
  #clockErrorMs = 0;

  constructor(name: string, options: NodeOptions, nodeWorld: NodeWorld) {
    this.name = name;
    this.watch = options.watch;
    this.#world = nodeWorld;
    this.#settings = options.settings;
    this.machine = new SimulatedMachine(name, options.directory, nodeWorld.seed);
    this.#chance = new Chance(nodeWorld.seed, `node ${name}`);
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

  /** Whether the writer still works; it may have stopped for ever shortly before the node does. */
  get isHealthy(): boolean {
    return this.database !== undefined && this.#process?.thread.alive === true;
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
    const files = this.#filesOf(life, this.#stopWhileCreating(), () => this.#stopProcess());
    this.#process = { life, ...this.#writerOf(life), runtime: this.#runtime(life, files) };
    this.#open(this.#process).catch((error: unknown) => this.#openFailed(life, error));
  }

  /** Some processes end for ever while they make the folder of their database. */
  #stopWhileCreating(): StopPlan {
    const isNew = !this.machine.files.existsSync(this.machine.logDirectory);
    if (!isNew || !this.#chance.happens(0.3)) {
      return () => undefined;
    }
    const moment = this.#chance.pick(['before', 'within', 'after'] as const);
    const countdown = new StopCountdown({ callsBefore: this.#chance.integer(0, 6), moment, crash: 'kill' });
    return (call) => countdown.reach(call);
  }

  #stopProcess(): void {
    const process = this.#process;
    if (process !== undefined) {
      process.life.alive = false;
      process.thread.alive = false;
      this.machine.freeze();
      const kind = this.#chance.pick(['kill', 'power'] as const);
      this.#world.time.after(0, world, () => this.crash(kind, this.#chance.between(1, 500)));
    }
  }

  #writerOf(life: Life): { thread: Life; writer: InlineWriter } {
    const { time, mutation } = this.#world;
    const thread = new Life();
    const files = mutation.writerFiles(
      this.#filesOf(
        thread,
        (call) => this.#reach(call),
        (call, moment) => this.#stopThread(call, moment),
      ),
    );
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

  /** The writer is about to change a file. Before an fsync others may hear of what it has written. */
  #reach(call: FileCall): StopMoment | undefined {
    const process = this.#process;
    if (call === 'sync' && process?.eager !== undefined) {
      this.#world.time.after(this.#chance.between(0, 0.5), process.life, () => process.eager?.announce());
    }
    return this.#planned?.reach(call);
  }

  #filesOf(life: Life, plan: StopPlan, onStop: LifeFilesOptions['onStop']): FileSystem {
    return lifeFiles({ files: this.machine.files, life, plan, onStop });
  }

  #runtime(life: Life, files: FileSystem): Runtime {
    const { time } = this.#world;
    const clockErrorMs = () => this.#clockErrorMs;
    return simulatedRuntime({
      time,
      life,
      random: this.#chance.random,
      files,
      logger: traceLogger(life, (what) => this.#world.trace.add(this.name, what)),
      clockErrorMs,
    });
  }

  async #open(process: Process): Promise<void> {
    const { databaseLimits, trace } = this.#world;
    const context: DatabaseContext = {
      runtime: process.runtime,
      name: 'db',
      directory: this.machine.directory,
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
      const lostPower = this.machine.takeLossOfPower();
      this.watch.opened(database.positions(), database.settings.role === 'primary' || !lostPower);
      this.#serve(process, database);
    }
  }

  #openFailed(life: Life, error: unknown): void {
    const { code, message } = asQuorateError(error);
    if (!life.alive || this.#process?.thread.alive !== true) {
      return;
    }
    this.#world.trace.add(this.name, `does not open: ${code}`);
    if (code !== 'DISK_FULL') {
      this.#defect(`the database does not open: ${code} ${message}`);
    }
    this.#world.time.after(200, life, () => this.crash('kill', 0));
  }

  #serve(process: Process, database: Database): void {
    const { replicationLimits, network, mutation } = this.#world;
    const { runtime, life } = process;
    const { files, logDirectory } = this.machine;
    if (this.#world.sendsEagerly && database.settings.role === 'primary') {
      process.eager = new EagerSource(database.source, files, logDirectory);
    }
    const source = process.eager ?? database.source;
    process.exporter = new Exporter({ source, limits: replicationLimits, runtime, maxReplicas: 16 });
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
      this.machine.fill();
      this.#world.time.after(durationMs, process.life, () => this.machine.heal());
    }
  }

  /** The next fsync fails, and soon after the node goes down. */
  failFsync(): void {
    const process = this.#process;
    if (process !== undefined) {
      this.machine.failFsync(() => {
        this.#world.trace.add(this.name, 'an fsync fails');
        this.#crashSoon(process, this.#chance.pick(['kill', 'power']), 2_000);
      });
    }
  }

  checkpoint(): void {
    if (this.database !== undefined) {
      this.#world.trace.add(this.name, `checkpoint ${this.machine.checkpoint()}`);
    }
  }

  /** Ends everything that still goes wrong here. */
  heal(): void {
    this.#planned = undefined;
    this.machine.heal();
    this.pause(0);
  }

  /** Lets the writer stop for ever at one of its next changes to a file, with a crash to follow. */
  planStop(stop: PlannedStop): void {
    this.#planned = new StopCountdown(stop);
  }

  /**
   * The writer stands still in the middle of what it does, as in an fsync that does not return, while the other threads
   * go on for a while with what they have seen of its work. Then the machine goes down.
   */
  #stopThread(call: FileCall, moment: StopMoment): void {
    const process = this.#process;
    const planned = this.#planned;
    if (process !== undefined && planned !== undefined) {
      this.#world.trace.add(this.name, `the writer stops ${moment} ${call}`);
      process.thread.alive = false;
      this.machine.freeze();
      this.#planned = undefined;
      this.#crashSoon(process, planned.crash, 30);
    }
  }

  #crashSoon(process: Process, kind: Crash, withinMs: number): void {
    this.#world.time.after(this.#chance.between(0, withinMs), process.life, () => {
      this.crash(kind, this.#chance.between(10, 3_000));
    });
  }

  /** Ends the process in this very moment; it starts again after `downMs`. */
  crash(kind: Crash, downMs: number): void {
    const { time, trace, network } = this.#world;
    const process = this.#process;
    if (process !== undefined) {
      this.machine.freeze();
      this.#abandon(process);
      network.lose(process.life, kind === 'kill' ? 'told' : 'silent');
      trace.add(this.name, `goes down (${this.machine.crash(kind)})`);
      time.after(downMs, world, () => this.start());
    }
  }

  #abandon(process: Process): void {
    process.life.alive = false;
    process.thread.alive = false;
    this.#process = undefined;
    this.#planned = undefined;
    process.writer.abandon();
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
    if (process?.database === undefined || !process.thread.alive) {
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
    if (this.#process !== undefined) {
      this.#abandon(this.#process);
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
