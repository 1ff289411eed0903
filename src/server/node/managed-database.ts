import {
  Database,
  type DatabaseContext,
  type DatabaseFailure,
  type DatabaseSettings,
  failureOf,
  type RejoinReport,
  type RepairPhase,
  type RepairReport,
  type RepairRequest,
  setContentAside,
} from '../../database/interface.ts';
import { asQuorateError, type ErrorCode, QuorateError } from '../../errors/interface.ts';
import {
  type AttachedReplica,
  Exporter,
  ownPath,
  type ReplicaIdentity,
  type ReplicatorStatus,
  sessionFeedModule,
} from '../../replication/interface.ts';
import type { Feeder } from './feeding-slot.ts';
import { resolveUpstream } from './follow-settings.ts';
import { Following } from './following.ts';
import type { NodeServices } from './node-services.ts';
import { mustBeginAnew, rejoinRequest } from './rejoining.ts';
import type { ScrubStatus } from './scrubber.ts';
import { Turns } from './turns.ts';

export type DatabaseState = 'opening' | 'importing' | 'open' | 'unloaded' | 'failed';

/** A database that is open, with those who follow it. */
interface Opened {
  readonly database: Database;
  readonly exporter: Exporter;
}

/**
 * One database of a node with everything that belongs to it: its exporter, and its replicator when it follows another.
 * Calls that change something run one after the other.
 */
export class ManagedDatabase {
  readonly name: string;
  readonly #services: NodeServices;
  #state: DatabaseState = 'opening';
  #opened: Opened | undefined;
  readonly #following: Following;
  #failure: DatabaseFailure | undefined;
  readonly #turns = new Turns();
  /** Replica ids of the upstream and of those that it follows, as far as known. */
  #upstreamPath: readonly string[] = [];

  constructor(name: string, services: NodeServices, state: DatabaseState) {
    this.name = name;
    this.#services = services;
    this.#state = state;
    this.#following = new Following(this, services);
  }

  get state(): DatabaseState {
    return this.#state;
  }

  /** Why the database is not open, or cannot go on. */
  get failure(): DatabaseFailure | undefined {
    const { alarm, alarmAtMs = 0 } = this.scrubStatus ?? {};
    const stalled = this.#services.writers.failureOf(this.name);
    return this.#failure ?? this.#opened?.database.failure() ?? stalled ?? (alarm && failureOf(alarm, alarmAtMs));
  }

  /** What the comparison with the upstream in the background has found. */
  get scrubStatus(): ScrubStatus | undefined {
    return this.#following.scrubStatus;
  }

  get replicatorStatus(): ReplicatorStatus | undefined {
    return this.#following.status;
  }

  get attachedReplicas(): readonly AttachedReplica[] {
    return this.#opened?.exporter.status() ?? [];
  }

  /** What replicas are being sent; undefined while it is not open. */
  get exports(): ReturnType<Exporter['usage']> | undefined {
    return this.#opened?.exporter.usage();
  }

  /** Replica ids of this database, of its upstream, of the upstream of that, as far as known. */
  get path(): readonly string[] {
    return ownPath(this.identity.replicaId, this.#upstreamPath);
  }

  /** As whom this database follows its upstream. */
  get identity(): ReplicaIdentity {
    const { nodeId, nodeName } = this.#services.identity;
    return { replicaId: `${nodeId}/${this.name}`, replicaName: nodeName, httpUrl: this.#services.httpUrl() };
  }

  /** Takes note of whom the upstream follows, and tells those who follow this database. */
  learnUpstreamPath(path: readonly string[]): void {
    if (path.join() !== this.#upstreamPath.join()) {
      this.#upstreamPath = path;
      this.#opened?.exporter.pathChanged();
    }
  }

  /** The database if it is open, for status. */
  get opened(): Database | undefined {
    return this.#opened?.database;
  }

  /** Its settings, also while it is not open; undefined when they cannot be read. */
  get settings(): DatabaseSettings | undefined {
    if (this.#opened !== undefined) {
      return this.#opened.database.settings;
    }
    try {
      return Database.settingsOf(this.#context());
    } catch {
      // Why so is in `failure`.
      return undefined;
    }
  }

  /** The open database. @throws QuorateError DATABASE_UNLOADED, UNAVAILABLE, or why it could not be opened */
  require(): Database {
    return this.#require().database;
  }

  requireExporter(): Exporter {
    return this.#require().exporter;
  }

  #require(): Opened {
    if (this.#opened !== undefined) {
      return this.#opened;
    }
    if (this.#state === 'failed' && this.#failure !== undefined) {
      const { code, message, hint } = this.#failure;
      throw new QuorateError(code as ErrorCode, `database ${this.name} could not be opened: ${message}`, { hint });
    }
    if (this.#state === 'unloaded') {
      throw new QuorateError('DATABASE_UNLOADED', `database ${this.name} is unloaded`, {
        hint: `Load it with: quorate database load ${this.name}`,
      });
    }
    throw new QuorateError('UNAVAILABLE', `database ${this.name} is ${this.#state}`, {
      hint: 'Try again in a moment.',
    });
  }

  /** Makes the database on disk and opens it. */
  create(settings: DatabaseSettings): Promise<void> {
    return this.#making(async () => this.#begin(await Database.create(this.#context(), settings)));
  }

  /** Makes the database from a SQLite file; until it is complete it lives outside the folder of databases. */
  createFrom(sqlitePath: string, settings: DatabaseSettings): Promise<void> {
    return this.#making(async () => {
      const { directory, runtime } = this.#services;
      const workPath = directory.newWorkPath();
      try {
        {
          await using unfinished = await Database.create({ ...this.#context(), directory: workPath }, settings);
          await unfinished.importFrom(sqlitePath);
        }
        directory.adoptDatabase(workPath, this.name);
      } catch (error) {
        runtime.files.removeSync(workPath);
        throw error;
      }
      this.#begin(await Database.open(this.#context()));
    });
  }

  #making(make: () => Promise<void>): Promise<void> {
    const orLeave = (error: unknown) => {
      this.leave();
      throw error;
    };
    return this.#turns.run(() => make().catch(orLeave));
  }

  /** Opens the database, after `first`; what goes wrong there becomes its state, so that the others of the node work. */
  open(first: () => void = () => {}): Promise<void> {
    return this.#turns.run(() => {
      first();
      return this.#open();
    });
  }

  async #open(): Promise<void> {
    if (this.#opened !== undefined) {
      return;
    }
    this.#state = 'opening';
    this.#failure = undefined;
    try {
      this.#begin(await Database.open(this.#context()));
    } catch (error) {
      this.#fail(asQuorateError(error));
    }
  }

  /** Takes new settings without a restart. */
  update(change: (current: DatabaseSettings) => DatabaseSettings): Promise<void> {
    return this.rearrange(async (database) => await database.updateSettings(change(database.settings)));
  }

  /** Runs what may change whom this database follows: the replicator of before ends first, that of after begins last. */
  rearrange<T>(action: (database: Database) => Promise<T>): Promise<T> {
    return this.#turns.run(async () => {
      const { database, exporter } = this.#require();
      await this.#following.stop('the settings of this database were changed');
      exporter.uncount();
      try {
        return await action(database);
      } finally {
        exporter.count();
        this.#startReplicator(database);
      }
    });
  }

  /**
   * Lets a replica that is not what its upstream is follow again: takes it back to the last transaction in common or, where
   * that cannot be, makes it take a snapshot. What only it has is saved.
   * @param snapshot a snapshot is wanted in any case
   * @throws QuorateError WRONG_ROLE when it has not diverged; UNAVAILABLE, DISK_FULL …
   */
  rejoin(snapshot: boolean): Promise<RejoinReport> {
    return this.#turns.run(async () => {
      const { state, lastError } = this.replicatorStatus ?? {};
      if (mustBeginAnew({ state: this.#state, settings: this.settings, lastError, snapshot })) {
        return await this.#beginAnew();
      }
      const { database, exporter } = this.#require();
      const request = await rejoinRequest({ database, state, snapshot, upstreams: this.#services.upstreams });
      const reason = 'this database goes back to what its upstream has';
      await this.#following.stop(reason);
      try {
        return await database.mending.rejoin(request);
      } finally {
        // Whoever follows this replica has what it gives up.
        exporter.close(new QuorateError('UNAVAILABLE', reason));
        this.#startReplicator(database);
      }
    });
  }

  /** Becomes a new replica of another database; what was here is kept as it is, beside it. */
  async becomeReplica(settings: (current: DatabaseSettings) => DatabaseSettings): Promise<void> {
    await this.update(settings);
    await this.#turns.run(() => this.#beginAnew());
  }

  /** Copies everything from the upstream as a new replica does; what was here is kept as it is. */
  async #beginAnew(): Promise<RejoinReport> {
    await this.#end('opening');
    const file = setContentAside(this.#context());
    await this.#open();
    this.#require();
    return { commonTxId: 0, transactions: 0, file, snapshot: true };
  }

  async repair(request: RepairRequest): Promise<RepairReport> {
    const report = await this.require().mending.repair(request);
    this.#following.compareAgain();
    return report;
  }

  /** Lets a replica that has stopped at a wrong row go on while it is repaired, and ends that. @throws QuorateError WRONG_ROLE */
  repairIs(phase: RepairPhase): Promise<void> {
    return this.#turns.run(async () => {
      const { database } = this.#require();
      await database.mending.repairIs(phase);
      if (phase === 'goes-on' && this.replicatorStatus?.state === 'diverged') {
        await this.#following.stop('this database is repaired');
        this.#startReplicator(database);
      }
    });
  }

  /**
   * Closes the database.
   * @param then runs while nobody can open it again
   * @param check runs first, and throws when it is not to be closed after all
   * @throws QuorateError DATABASE_NOT_FOUND when it was deleted meanwhile
   */
  close(state: DatabaseState, then: () => void = () => {}, check: () => void = () => {}): Promise<void> {
    return this.#turns.run(async () => {
      check();
      await this.#end(state);
      then();
    });
  }

  /** Refuses what is asked from now on, and what waits: another database may have the name. */
  leave(): void {
    this.#turns.end(new QuorateError('DATABASE_NOT_FOUND', `the database ${this.name} was deleted meanwhile`));
  }

  /** Ends the streams of those who follow or feed this database. */
  endStreams(reason: QuorateError): void {
    this.#opened?.exporter.close(reason);
    this.#following.endFeeding(reason);
  }

  /** Registers the one who may feed this replica, and returns what ends that. @throws QuorateError WRONG_ROLE */
  startFeeding(feeder: Feeder): () => void {
    return this.#following.feed(feeder);
  }

  #context(): DatabaseContext {
    const { runtime, directory, identity, options, signal } = this.#services;
    return {
      runtime,
      signal,
      directory: directory.databasePath(this.name),
      name: this.name,
      origin: BigInt(`0x${identity.nodeId}`),
      limits: options.databaseLimits,
      feedModule: sessionFeedModule,
      onFileReplaced: (oldPath, newPath) => this.#services.readers.replace(oldPath, newPath),
    };
  }

  #begin(database: Database): void {
    const { runtime, options } = this.#services;
    const { limits, replicationLimits } = options;
    const { maxReplicas } = limits;
    const exporter = new Exporter({
      source: database.source,
      snapshots: database.snapshots,
      limits: replicationLimits,
      runtime,
      maxReplicas,
      path: () => this.path,
    });
    this.#opened = { database, exporter };
    this.#state = 'open';
    this.#failure = undefined;
    this.#startReplicator(database);
  }

  #fail(error: QuorateError): void {
    this.#state = 'failed';
    this.#failure = failureOf(error, this.#services.runtime.clock.nowMs());
    const level = error.code === 'CANCELLED' ? 'info' : 'error';
    this.#services.runtime.logger[level]({ database: this.name, code: error.code }, `not opened: ${error.message}`);
  }

  async #end(state: DatabaseState): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    this.#state = state;
    if (opened === undefined) {
      return;
    }
    const reason = new QuorateError('DATABASE_UNLOADED', `database ${this.name} was closed on this node`);
    await this.#following.stop(reason.message);
    opened.exporter.close(reason);
    this.#services.readers.release(opened.database.filePath);
    await opened.database[Symbol.asyncDispose]();
  }

  #startReplicator(database: Database): void {
    const { enabled, upstream } = database.settings.replication;
    if (database.settings.role !== 'replica' || !enabled || upstream === undefined) {
      return;
    }
    this.#failure = undefined;
    try {
      this.#following.start(database, resolveUpstream(upstream, this.#services.address()));
    } catch (error) {
      // The database itself works; its status says why it follows nobody.
      this.#failure = failureOf(asQuorateError(error), this.#services.runtime.clock.nowMs());
    }
  }
}
