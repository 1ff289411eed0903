import type { Database, DatabaseSettings } from '../../src/database/interface.ts';
import { asQuorateError, QuorateError } from '../../src/errors/interface.ts';
import type { ExportTxRequest, ExportTxResponse } from '../../src/proto/interface.ts';
import type { ChannelListener, Exporter, MessageChannel, Replicator } from '../../src/replication/interface.ts';
import type { FileSystem, Runtime } from '../../src/runtime/interface.ts';
import { Chance } from './chance.ts';
import { InlineWriter } from './inline-writer.ts';
import { type FileCall, type LifeFilesOptions, lifeFiles, type StopMoment, type StopPlan } from './life-files.ts';
import { Life, simulatedRuntime, traceLogger } from './node-life.ts';
import { NodeProcess, type RunningProcess } from './node-process.ts';
import type { NodeWatch } from './node-watch.ts';
import type { NodeWorld } from './node-world.ts';
import { type PlannedStop, StopCountdown } from './planned-stop.ts';
import type { NodeProcessOptions } from './process-parts.ts';
import type { SnapshotSender } from './simulated-copy.ts';
import { type Crash, SimulatedMachine } from './simulated-machine.ts';
import type { Host } from './simulated-network.ts';
import { type Owner, world } from './simulated-time.ts';

export interface NodeOptions {
  /** Folder of the operating system in which SQLite's files of all nodes are. */
  readonly directory: string;
  /** What its database is made with. */
  readonly settings: DatabaseSettings;
  readonly watch: NodeWatch;
  /** What runs on the machine; default: one database with the role that its settings name. */
  readonly newProcess?: ((options: NodeProcessOptions, nodeWorld: NodeWorld) => RunningProcess) | undefined;
  /** Whether its process may end for ever while it makes the folder of the database; default true. */
  readonly maySpoilCreation?: boolean | undefined;
  /** How fast its clock runs; default 1. */
  readonly clockRate?: number | undefined;
}

/** A machine with a disk, and on it, most of the time, a process that serves one database. */
export class SimulatedNode implements Host {
  readonly name: string;
  readonly watch: NodeWatch;
  readonly machine: SimulatedMachine;
  readonly #world: NodeWorld;
  readonly #chance: Chance;
  #settings: DatabaseSettings;
  readonly #newProcess: NonNullable<NodeOptions['newProcess']>;
  readonly #options: NodeOptions;
  #process: RunningProcess | undefined;
  /** Where the writer stops for ever. */
  #planned: StopCountdown | undefined;
  /** Where the whole process does, by what its other threads do. */
  #plannedEnd: StopCountdown | undefined;
  #clockErrorMs = 0;
  /** Nothing goes wrong any more. */
  #isHealed = false;

  constructor(name: string, options: NodeOptions, nodeWorld: NodeWorld) {
    this.name = name;
    this.watch = options.watch;
    this.#world = nodeWorld;
    this.#options = options;
    this.#settings = options.settings;
    this.#newProcess = options.newProcess ?? ((process, shared) => new NodeProcess(process, shared));
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

  /** The names of those who follow this node now. */
  get attached(): readonly string[] {
    return this.#process?.exporter?.status().map(({ replicaName }) => replicaName) ?? [];
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
    this.#planStopWhileCreating();
    const ownFiles = this.#filesOf(
      life,
      (call) => this.#plannedEnd?.reach(call),
      () => this.#stopProcess(),
    );
    const files = this.#world.mutation.hostFiles(ownFiles);
    const { name, machine, watch } = this;
    const process = this.#newProcess(
      {
        name,
        machine,
        watch,
        chance: this.#chance,
        life,
        ...this.#writerOf(life),
        runtime: this.#runtime(life, files),
        onInstall: () => this.#planStopWhileInstalling(),
      },
      this.#world,
    );
    this.#process = process;
    process.open(this.#settings).catch((error: unknown) => this.#openFailed(process, error));
  }

  /** Some processes end for ever while they make the folder of their database. */
  #planStopWhileCreating(): void {
    const isNew = !this.machine.files.existsSync(this.machine.logDirectory);
    if (isNew && this.#options.maySpoilCreation !== false && this.#chance.happens(0.3)) {
      this.planEnd(6);
    }
  }

  /** Installing is over in a moment: without this it would rarely be met. */
  #planStopWhileInstalling(): void {
    if (this.#isHealed || this.#chance.happens(0.3)) {
      return;
    }
    const isDecision = this.#chance.happens(0.5);
    this.planEnd(isDecision ? 0 : 24, isDecision ? 'replace' : undefined);
  }

  /** Lets the whole process end at one of the next changes to a file that are not made by its writer. */
  planEnd(callsAtMost: number, call?: FileCall): void {
    const moment = this.#chance.pick(['before', 'within', 'after'] as const);
    const crash = this.#chance.pick(['kill', 'power'] as const);
    const callsBefore = this.#chance.integer(0, callsAtMost);
    this.#plannedEnd = new StopCountdown({ callsBefore, call, moment, crash });
  }

  #stopProcess(): void {
    const process = this.#process;
    const kind = this.#plannedEnd?.crash ?? 'kill';
    if (process !== undefined) {
      this.#world.trace.add(this.name, 'the process stops');
      process.life.alive = false;
      process.thread.alive = false;
      this.machine.freeze();
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
    if (call === 'sync' && process?.sendsEagerly) {
      this.#world.time.after(this.#chance.between(0, 0.5), process.life, () => process.announce());
    }
    return this.#planned?.reach(call);
  }

  #filesOf(life: Life, plan: StopPlan, onStop: LifeFilesOptions['onStop']): FileSystem {
    return lifeFiles({ files: this.machine.files, life, plan, onStop });
  }

  #runtime(life: Life, files: FileSystem): Runtime {
    const { time } = this.#world;
    const clockErrorMs = () => this.#clockErrorMs;
    const runtime = simulatedRuntime({
      time,
      clockRate: this.#options.clockRate ?? 1,
      life,
      random: this.#chance.random,
      files,
      logger: traceLogger(life, (what) => this.#world.trace.add(this.name, what)),
      clockErrorMs,
    });
    return this.#world.mutation.runtime(runtime);
  }

  #openFailed({ life, thread }: RunningProcess, error: unknown): void {
    const { code, message } = asQuorateError(error);
    if (!life.alive || !thread.alive) {
      return;
    }
    this.#world.trace.add(this.name, `does not open: ${code}`);
    if (code !== 'DISK_FULL') {
      this.#defect(`the database does not open: ${code} ${message}`);
    }
    this.#world.time.after(200, life, () => this.crash('kill', 0));
  }

  /** Gives its database other settings, now or when it is open next. */
  become(settings: DatabaseSettings): void {
    this.#settings = settings;
    const process = this.#process;
    if (process?.database === undefined || process.has(settings)) {
      return;
    }
    const { role, acks } = settings;
    this.#world.trace.add(this.name, `is to be ${role} ${acks?.level.kind ?? 'async'}`);
    process.update(settings).catch((error: unknown) => {
      this.#world.trace.add(this.name, `cannot change: ${asQuorateError(error).code}`);
    });
  }

  /**
   * Goes back to the last transaction in common with its upstream, or takes a snapshot where the log does not tell how.
   * Either way what goes must be saved.
   */
  rejoin(commonTxId: number, lost: readonly string[]): void {
    const process = this.#process;
    this.#world.trace.add(this.name, `goes back to ${commonTxId}`);
    const run = async () => this.#checkSaved((await process?.rejoin(commonTxId))?.file, lost);
    this.watch.rewind(commonTxId, run).catch((error: unknown) => {
      this.#world.trace.add(this.name, `cannot go back: ${asQuorateError(error).code}`);
    });
  }

  #checkSaved(file: string | undefined, lost: readonly string[]): void {
    const saved =
      file === undefined || file === '' ? '' : Buffer.from(this.machine.files.readFileSync(file)).toString();
    for (const name of file === undefined ? [] : lost.filter((one) => !saved.includes(one))) {
      this.#defect(`${name} was taken back and is not saved`);
    }
  }

  get settings(): DatabaseSettings {
    return this.#settings;
  }

  /** Whether its database has the settings that it is to have. */
  get isSettled(): boolean {
    return this.#process?.has(this.#settings) === true;
  }

  accept(peer: MessageChannel<ExportTxResponse>, address: string): ChannelListener<ExportTxRequest> {
    return this.#exporter().accept(peer, address);
  }

  readonly sendSnapshot: SnapshotSender = async (request, send, signal) => {
    await this.#exporter().sendSnapshot(request, send, signal);
  };

  /** @throws QuorateError UNAVAILABLE */
  #exporter(): Exporter {
    const exporter = this.#process?.exporter;
    if (exporter === undefined) {
      throw new QuorateError('UNAVAILABLE', 'the database is not open yet');
    }
    return exporter;
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
      this.#world.trace.add(this.name, `checkpoint ${this.machine.checkpoint(this.database.filePath)}`);
    }
  }

  /** Ends everything that still goes wrong here. */
  heal(): void {
    this.#planned = undefined;
    this.#plannedEnd = undefined;
    this.#isHealed = true;
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

  #crashSoon(process: RunningProcess, kind: Crash, withinMs: number): void {
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

  #abandon(process: RunningProcess): void {
    this.#process = undefined;
    this.#planned = undefined;
    this.#plannedEnd = undefined;
    process.abandon();
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
    await process.stop();
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
