import { isDeepStrictEqual } from 'node:util';
import { Database, type DatabaseSettings, type RejoinReport } from '../../src/database/interface.ts';
import { asQuorateError } from '../../src/errors/interface.ts';
import { Exporter, type Replicator } from '../../src/replication/interface.ts';
import { EagerSource } from './eager-source.ts';
import type { Life } from './node-life.ts';
import type { NodeWorld } from './node-world.ts';
import { databaseContext, followUpstream, type NodeProcessOptions } from './process-parts.ts';

/** What a machine can do with what runs on it. */
export type RunningProcess = Pick<NodeProcess, keyof NodeProcess>;

/** What runs on a machine from one start to the next end: a database, those who follow it, and whom it follows. */
export class NodeProcess {
  readonly life: Life;
  readonly thread: Life;
  readonly #options: NodeProcessOptions;
  readonly #world: NodeWorld;
  #database: Database | undefined;
  /** Set on a primary that does not wait for its fsync before it sends. */
  #eager: EagerSource | undefined;
  #exporter: Exporter | undefined;
  #replicator: Replicator | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  /** The last change of settings went wrong half-way. */
  #isHalfChanged = false;

  constructor(options: NodeProcessOptions, nodeWorld: NodeWorld) {
    this.life = options.life;
    this.thread = options.thread;
    this.#options = options;
    this.#world = nodeWorld;
  }

  /** The database while it is open. */
  get database(): Database | undefined {
    return this.#database;
  }

  get replicator(): Replicator | undefined {
    return this.#replicator;
  }

  get exporter(): Exporter | undefined {
    return this.#exporter;
  }

  /** Opens the database, gives it the settings that it is to have, and only then serves it. */
  async open(settings: DatabaseSettings): Promise<void> {
    const { watch, machine, name } = this.#options;
    const context = databaseContext(this.#options, this.#world, 'db');
    const database = Database.exists(context) ? await Database.open(context) : await Database.create(context, settings);
    if (!this.life.alive) {
      return;
    }
    this.#world.trace.add(name, `is open at ${describe(database)}`);
    const { role, acks } = database.settings;
    // What is not acknowledged, and what is committed upstream, a node may have to learn again.
    const knowsAll = role === 'primary' && (acks === undefined || acks.level.kind === 'async');
    watch.opened(database.positions(), knowsAll || !machine.takeLossOfPower());
    if (!fits(database.settings, settings)) {
      await database.updateSettings(settings);
    }
    this.#database = database;
    this.#serve(database);
  }

  #serve(database: Database): void {
    const { replicationLimits: limits, sendsEagerly } = this.#world;
    const { runtime, machine } = this.#options;
    if (sendsEagerly && database.settings.role === 'primary') {
      this.#eager = new EagerSource(database.source, machine.files, machine.logDirectory);
    }
    const source = this.#eager ?? database.source;
    this.#exporter = new Exporter({ source, snapshots: database.snapshots, limits, runtime, maxReplicas: 16 });
    this.#follow(database);
  }

  #follow(database: Database): void {
    this.#replicator = followUpstream(this.#options, this.#world, { database, replicaId: this.#options.name });
  }

  /** What was written to the log may be sent. */
  announce(): void {
    this.#eager?.announce();
  }

  get sendsEagerly(): boolean {
    return this.#eager !== undefined;
  }

  /** Whether the database has these settings. */
  has(settings: DatabaseSettings): boolean {
    return this.#database !== undefined && !this.#isHalfChanged && fits(this.#database.settings, settings);
  }

  /** Takes new settings as a node does: nobody is followed, and nobody counts, while they change. */
  update(settings: DatabaseSettings): Promise<unknown> {
    return this.#exclusively(async (database) => {
      if (this.has(settings)) {
        return;
      }
      const replicator = this.#replicator;
      this.#replicator = undefined;
      await replicator?.[Symbol.asyncDispose]();
      this.#exporter?.uncount();
      try {
        this.#isHalfChanged = true;
        await database.updateSettings(settings);
        this.#isHalfChanged = false;
      } finally {
        this.#exporter?.count();
        this.#follow(database);
      }
    });
  }

  /** Takes a replica that has diverged back to the last transaction in common with its upstream. */
  rejoin(commonTxId: number): Promise<RejoinReport | undefined> {
    return this.#exclusively(async (database) => {
      await this.#replicator?.[Symbol.asyncDispose]();
      try {
        return await database.mending.rejoin({ commonTxId, mayGoBack: true });
      } finally {
        this.#follow(database);
      }
    });
  }

  /** Ends the process in order. */
  stop(): Promise<unknown> {
    return this.#exclusively(async (database) => {
      this.#database = undefined;
      await this.#replicator?.[Symbol.asyncDispose]();
      this.#exporter?.close(asQuorateError(new Error('the node is going down'), 'UNAVAILABLE'));
      await database[Symbol.asyncDispose]();
    });
  }

  #exclusively<T>(action: (database: Database) => Promise<T>): Promise<T | undefined> {
    const run = this.#tail.then(() =>
      this.#database !== undefined && this.thread.alive ? action(this.#database) : undefined,
    );
    this.#tail = run.catch(() => {});
    return run;
  }

  /** Ends the process in this very moment. */
  abandon(): void {
    this.life.alive = false;
    this.thread.alive = false;
    this.#options.writer.abandon();
  }
}

/** Whether settings are what somebody asked for; the term follows from the role. */
function fits(settings: DatabaseSettings, wanted: DatabaseSettings): boolean {
  const of = ({ role, replication, acks }: DatabaseSettings) => ({ role, replication, acks: acks ?? null });
  return isDeepStrictEqual(of(settings), of(wanted));
}

function describe(database: Database): string {
  const { tip, durable, commit, applied } = database.positions();
  return `tip ${tip} durable ${durable} commit ${commit} applied ${applied}`;
}
