import type { Membership } from '../../../src/cluster/interface.ts';
import {
  Database,
  type DatabaseSettings,
  type RejoinReport,
  type ReplicationSink,
} from '../../../src/database/interface.ts';
import { QuorateError } from '../../../src/errors/interface.ts';
import { Exporter, findParting, type HashedHistory, type Replicator } from '../../../src/replication/interface.ts';
import type { GroupedDatabase } from '../../../src/server/node/group/group-database.ts';
import { ownHistory } from '../../../src/server/node/parting.ts';
import { delegating } from '../mutation-tools.ts';
import type { Life } from '../node-life.ts';
import type { RunningProcess } from '../node-process.ts';
import type { NodeWorld } from '../node-world.ts';
import { databaseContext, followUpstream, type NodeProcessOptions } from '../process-parts.ts';
import { database as databaseName } from './group-plan.ts';

/** What a member's process is given by the group around it. */
export interface MemberHooks {
  /** Begins to take part, when the database is open. */
  join(process: MemberProcess): Membership;
  /** The history of whoever runs on a host, as this process can ask for it. */
  historyOf(host: string, process: MemberProcess): Promise<HashedHistory>;
  /** Something that only this member had is about to go; what is called then gets the report. */
  rejoins(process: MemberProcess, commonTxId: number, run: () => Promise<RejoinReport>): Promise<RejoinReport>;
}

/** What runs on the machine of a member: a database in the hands of its group. */
export class MemberProcess implements RunningProcess, GroupedDatabase {
  readonly name = databaseName;
  readonly life: Life;
  readonly thread: Life;
  readonly sendsEagerly = false;
  readonly #options: NodeProcessOptions;
  readonly #world: NodeWorld;
  readonly #hooks: MemberHooks;
  #database: Database | undefined;
  #exporter: Exporter | undefined;
  #replicator: Replicator | undefined;
  #membership: Membership | undefined;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: NodeProcessOptions, nodeWorld: NodeWorld, hooks: MemberHooks) {
    this.life = options.life;
    this.thread = options.thread;
    this.#options = options;
    this.#world = nodeWorld;
    this.#hooks = hooks;
  }

  get database(): Database | undefined {
    return this.#database;
  }

  get opened(): Database | undefined {
    return this.#database;
  }

  get exporter(): Exporter | undefined {
    return this.#exporter;
  }

  get replicator(): Replicator | undefined {
    return this.#replicator;
  }

  get membership(): Membership | undefined {
    return this.#membership;
  }

  get replicatorStatus() {
    return this.#replicator?.status();
  }

  get attachedReplicas() {
    return this.#exporter?.status() ?? [];
  }

  get runtime() {
    return this.#options.runtime;
  }

  /** Name of the machine. */
  get nodeName(): string {
    return this.#options.name;
  }

  require(): Database {
    if (this.#database === undefined) {
      throw new QuorateError('UNAVAILABLE', `the database of ${this.nodeName} is not open`);
    }
    return this.#database;
  }

  async open(settings: DatabaseSettings): Promise<void> {
    const { watch, machine } = this.#options;
    const context = databaseContext(this.#options, this.#world, databaseName);
    const opened = Database.exists(context) ? await Database.open(context) : await Database.create(context, settings);
    if (!this.life.alive) {
      return;
    }
    const { tip, commit, applied } = opened.positions();
    this.#world.trace.add(this.nodeName, `is open at tip ${tip} commit ${commit} applied ${applied}`);
    watch.opened(opened.positions(), !machine.takeLossOfPower());
    this.#database = opened;
    this.#exporter = new Exporter({
      ...{ source: opened.source, snapshots: opened.snapshots },
      ...{ limits: this.#world.replicationLimits, runtime: this.runtime, maxReplicas: 16 },
    });
    this.#follow(opened);
    this.#membership = this.#hooks.join(this);
  }

  #follow(database: Database): void {
    this.#replicator = followUpstream(this.#options, this.#world, {
      database,
      replicaId: `${this.nodeName}/${databaseName}`,
      watched: (sink) => this.#termWatch(database, sink),
    });
  }

  /** Nothing of a term is taken after a later one was promised (invariant I5). */
  #termWatch(database: Database, sink: ReplicationSink): ReplicationSink {
    return delegating(sink, {
      append: async (records, commitTxId, term, ...rest) => {
        const promisedTerm = database.leadership.promisedTerm;
        await sink.append(records, commitTxId, term, ...rest);
        if (promisedTerm > term) {
          this.#world.onDefect(`${this.nodeName}: took a record of term ${term} after it had promised ${promisedTerm}`);
        }
      },
    });
  }

  announce(): void {}

  has(): boolean {
    return this.#database !== undefined;
  }

  update(change: DatabaseSettings | ((current: DatabaseSettings) => DatabaseSettings)): Promise<void> {
    return this.rearrange((database) =>
      database.updateSettings(typeof change === 'function' ? change(database.settings) : change),
    );
  }

  rearrange<T>(action: (database: Database) => Promise<T>): Promise<T> {
    return this.#exclusively(async () => {
      const database = this.require();
      await this.#stopReplicator();
      this.#exporter?.uncount();
      try {
        return await action(database);
      } finally {
        this.#exporter?.count();
        this.#follow(database);
      }
    });
  }

  async #stopReplicator(): Promise<void> {
    const replicator = this.#replicator;
    this.#replicator = undefined;
    await replicator?.[Symbol.asyncDispose]();
  }

  endStreams(reason: QuorateError): void {
    this.#exporter?.close(reason);
  }

  /** The group asks for no snapshot, and an operator who knows the place does not call. */
  rejoin(): Promise<RejoinReport> {
    return this.#exclusively(async () => {
      const database = this.require();
      const { upstream } = database.settings.replication;
      const own = ownHistory(database);
      const parting = await findParting(own, await this.#hooks.historyOf(upstream?.host ?? '', this));
      const { commonTxId, certain } = parting;
      const mayGoBack = certain && commonTxId < database.positions().tip;
      await this.#stopReplicator();
      try {
        return await this.#hooks.rejoins(this, certain ? commonTxId : 0, () =>
          database.mending.rejoin({ commonTxId: certain ? commonTxId : undefined, mayGoBack }),
        );
      } finally {
        this.#exporter?.close(new QuorateError('UNAVAILABLE', 'this database goes back to what its upstream has'));
        this.#follow(database);
      }
    });
  }

  /** Ends the process in order. */
  async stop(): Promise<unknown> {
    await this.#membership?.[Symbol.asyncDispose]();
    return await this.#exclusively(async () => {
      const database = this.require();
      this.#database = undefined;
      await this.#stopReplicator();
      this.#exporter?.close(new QuorateError('UNAVAILABLE', 'the node is going down'));
      await database[Symbol.asyncDispose]();
    });
  }

  #exclusively<T>(action: () => Promise<T>): Promise<T> {
    const run = this.#tail.then(action);
    this.#tail = run.catch(() => {});
    return run;
  }

  abandon(): void {
    this.life.alive = false;
    this.thread.alive = false;
    this.#options.writer.abandon();
  }
}
