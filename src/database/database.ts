import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { MessagePort } from 'node:worker_threads';
import { QuorateError } from '../errors/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import { type AckState, checkAckSettings, defaultAckSettings } from './acks.ts';
import { type DatabaseLimits, defaultDatabaseLimits } from './limits.ts';
import { runMaintenance } from './maintenance.ts';
import { DatabaseSink } from './replication-sink.ts';
import { DatabaseSource } from './replication-source.ts';
import { readSettings, settingsExist, writeSettings } from './settings-file.ts';
import { SharedPositions } from './shared-positions.ts';
import type {
  AckStatus,
  DatabaseFailure,
  DatabasePositions,
  DatabaseSettings,
  Position,
  ReplicationSink,
  ReplicationSource,
  Writer,
} from './types.ts';
import { startWriterThread, type WriterLink, type WriterStarter } from './writer-link.ts';
import type { RoleSettings, WriterEvent } from './writer-messages.ts';

export { type DatabaseLimits, defaultDatabaseLimits };

/** What a node gives to each of its databases. */
export interface DatabaseContext {
  readonly runtime: Runtime;
  readonly name: string;
  /** Folder of this database alone: `data.sqlite`, `log/`, `settings.json`. */
  readonly directory: string;
  /** Identity of the node, written into every record that begins here. */
  readonly origin: bigint;
  readonly limits: DatabaseLimits;
  /** Where the writer runs; a thread of its own unless told otherwise. */
  readonly startWriter?: WriterStarter | undefined;
}

interface Waiter {
  readonly txId: number;
  readonly wake: () => void;
}

/** One database on this node: its writer, its log for those who follow it, and its role. */
export class Database implements AsyncDisposable {
  readonly #context: DatabaseContext;
  readonly #positions: SharedPositions;
  readonly #source: DatabaseSource;
  readonly #sink: DatabaseSink;
  readonly #waiters = new Set<Waiter>();
  #settings: DatabaseSettings;
  #link: WriterLink | undefined;
  #failure: DatabaseFailure | undefined;
  #ackStatus: AckStatus = 'reached';
  #degradations = 0;
  #acks: AckState = { durable: [], applied: [] };
  #acksWanted = false;

  /** Makes a new, empty database. @throws QuorateError DATABASE_EXISTS, IO_ERROR, DISK_FULL */
  static async create(context: DatabaseContext, settings: DatabaseSettings): Promise<Database> {
    const { files } = context.runtime;
    if (Database.exists(context)) {
      throw new QuorateError('DATABASE_EXISTS', `database ${context.name} exists already`);
    }
    files.makeDirectorySync(context.directory);
    writeSettings(files, context.directory, settings);
    files.syncDirectorySync(path.dirname(context.directory));
    return Database.open(context);
  }

  /** Opens and recovers. @throws QuorateError DATABASE_NOT_FOUND, LOG_CORRUPT, DATABASE_CORRUPT, IO_ERROR … */
  static async open(context: DatabaseContext): Promise<Database> {
    if (!Database.exists(context)) {
      throw new QuorateError('DATABASE_NOT_FOUND', `there is no database ${context.name}`);
    }
    const database = new Database(context, readSettings(context.runtime.files, context.directory));
    await database.#start();
    return database;
  }

  static exists(context: Pick<DatabaseContext, 'runtime' | 'directory'>): boolean {
    return settingsExist(context.runtime.files, context.directory);
  }

  /** The settings of a database that need not be open. @throws QuorateError DATABASE_CORRUPT, IO_ERROR */
  static settingsOf({ runtime, directory }: Pick<DatabaseContext, 'runtime' | 'directory'>): DatabaseSettings {
    return readSettings(runtime.files, directory);
  }

  private constructor(context: DatabaseContext, settings: DatabaseSettings) {
    this.#context = context;
    this.#settings = settings;
    this.#positions = new SharedPositions();
    this.#source = new DatabaseSource({
      files: context.runtime.files,
      directory: context.directory,
      positions: this.#positions,
      tailCacheBytes: context.limits.tailCacheBytes,
      role: () => this.#settings.role,
      onDemand: (wanted) => this.#stream(wanted),
      ackMembers: () => this.#settings.acks?.members ?? [],
      onAcknowledged: (durable, applied) => this.#acknowledge(durable, applied),
    });
    this.#sink = new DatabaseSink({
      client: () => this.#writer().client,
      positions: this.#positions,
      databaseId: () => this.#source.databaseId,
      onTruncated: () => this.#source.forget(),
    });
  }

  async #start(): Promise<void> {
    const { name, directory, origin, limits, runtime, startWriter = startWriterThread } = this.#context;
    const start = {
      name,
      directory,
      origin,
      limits,
      role: this.#roleSettings(),
      positions: this.#positions.buffer,
    };
    this.#link = await startWriter(start, runtime.logger, (event) => this.#onEvent(event));
  }

  #roleSettings(): RoleSettings {
    const { role, term, replication } = this.#settings;
    const { upstream, delayMs } = replication;
    const primary = upstream === undefined ? '' : `${upstream.host}:${upstream.port}/${upstream.database}`;
    return { role, term, primary, acks: this.#settings.acks, delayMs };
  }

  #onEvent(event: WriterEvent): void {
    switch (event[0]) {
      case 'appended':
        this.#positions.add('streamedBytes', -event[1].length);
        this.#source.appended(event[1], event[2]);
        return;
      case 'log-opened':
        this.#source.databaseId = event[1];
        return;
      case 'failure':
        this.#failure = event[1] ?? undefined;
        this.#sink.setFailure(this.#failure);
        this.#sink.moved();
        return;
      case 'acks-wanted':
        this.#acksWanted = true;
        this.#reportAcks();
        return;
      case 'ack-status':
        this.#ackStatus = event[1];
        this.#degradations += event[1] === 'degraded' ? 1 : 0;
        return;
      case 'moved':
        this.#source.moved({ tip: event[1], commit: event[2] });
        this.#sink.moved();
        this.#wakeWaiters();
        return;
    }
  }

  /** Appended records are copied to this thread only while somebody follows. */
  #stream(wanted: boolean): void {
    // When the writer is gone nobody can be served anyway.
    this.#link?.client.request((id) => ['stream', id, wanted]).catch(() => {});
  }

  /** Acknowledgements go to the writer only when something there has ever waited for them. */
  #acknowledge(durable: readonly number[], applied: readonly number[]): void {
    this.#acks = { durable, applied };
    if (this.#acksWanted) {
      this.#reportAcks();
    }
  }

  #reportAcks(): void {
    const { durable, applied } = this.#acks;
    // A lost report changes nothing: the next one says all of it again.
    this.#link?.client.request((id) => ['acks', id, durable, applied]).catch(() => {});
  }

  /** How it stands with the acknowledgements that this database asks for; how often it degraded since it was opened. */
  ackReport(): { status: AckStatus; degradations: number } {
    return { status: this.#ackStatus, degradations: this.#degradations };
  }

  #writer(): WriterLink {
    if (this.#link === undefined) {
      throw new QuorateError('DATABASE_UNLOADED', `database ${this.name} is closed`);
    }
    return this.#link;
  }

  get name(): string {
    return this.#context.name;
  }

  get settings(): DatabaseSettings {
    return this.#settings;
  }

  get databaseId(): Uint8Array | undefined {
    return this.#source.databaseId;
  }

  /** The SQLite file, for readers. */
  get filePath(): string {
    return path.join(this.#context.directory, 'data.sqlite');
  }

  get writer(): Writer {
    return this.#writer().client;
  }

  get source(): ReplicationSource {
    return this.#source;
  }

  get sink(): ReplicationSink {
    return this.#sink;
  }

  positions(): DatabasePositions {
    return this.#positions.read();
  }

  /** Positions in memory that threads share, for those who must not ask. */
  get sharedPositions(): SharedArrayBuffer {
    return this.#positions.buffer;
  }

  logSizeBytes(): number {
    return this.#positions.get('logBytes');
  }

  /** Groups of transactions that this node has committed since the database was opened, each with one fsync. */
  groupCommits(): number {
    return this.#positions.get('groups');
  }

  /** What waits inside this database now, for metrics. */
  queues(): { writerRequests: number; tailCacheBytes: number } {
    return { writerRequests: this.#link?.client.waitingCount ?? 0, tailCacheBytes: this.#source.tailBytes };
  }

  failure(): DatabaseFailure | undefined {
    return this.#failure;
  }

  /** Resolves when this node shows the transaction. @throws QuorateError WAIT_TIMEOUT, CANCELLED */
  async waitFor(txId: number, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (this.#positions.get('applied') >= txId) {
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { txId, wake: resolve };
    const timer = this.#context.runtime.timers.after(timeoutMs, () => reject(this.#waitTimeout(txId, timeoutMs)));
    const cancel = () => reject(new QuorateError('CANCELLED', 'the wait was cancelled', { cause: signal?.reason }));
    signal?.addEventListener('abort', cancel, { once: true });
    this.#waiters.add(waiter);
    try {
      await promise;
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', cancel);
      this.#waiters.delete(waiter);
    }
  }

  #waitTimeout(txId: number, timeoutMs: number): QuorateError {
    const applied = this.#positions.get('applied');
    return new QuorateError(
      'WAIT_TIMEOUT',
      `transaction ${txId} did not arrive within ${timeoutMs} ms; ${applied} is shown`,
      {
        hint: 'The replica lags, or the position belongs to another database. See its status.',
        details: { txId, appliedTxId: applied, timeoutMs },
      },
    );
  }

  #wakeWaiters(): void {
    const applied = this.#positions.get('applied');
    for (const waiter of this.#waiters) {
      if (waiter.txId <= applied) {
        waiter.wake();
      }
    }
  }

  /** What became of a transaction whose client was not told. `term` is 0 when it is not known. */
  async outcome({ term, txId }: Position): Promise<'committed' | 'waiting' | 'absent'> {
    const record = txId > 0 && txId <= this.#positions.get('tip') ? await this.#source.positionOf(txId) : undefined;
    if (record === undefined || (term !== 0 && record.term !== term)) {
      return 'absent';
    }
    return txId <= this.#positions.get('commit') ? 'committed' : 'waiting';
  }

  /** A further channel to the writer, for another thread; see `attachWriter`. */
  connectWriter(): Promise<MessagePort> {
    return this.#writer().connect();
  }

  /**
   * Takes new settings; a change of role is in force when this resolves. A replica that becomes primary keeps all records
   * of its log and starts a higher term.
   */
  async updateSettings(settings: DatabaseSettings): Promise<void> {
    const promoted = this.#settings.role === 'replica' && settings.role === 'primary';
    const term = promoted ? Math.max(this.#settings.term, this.#positions.get('term')) + 1 : this.#settings.term;
    const onlyAcks = isDeepStrictEqual({ ...settings, term, acks: null }, { ...this.#settings, acks: null });
    checkAckSettings(settings.acks ?? defaultAckSettings);
    this.#settings = { ...settings, term };
    writeSettings(this.#context.runtime.files, this.#context.directory, this.#settings);
    if (onlyAcks && settings.role === 'primary') {
      return this.#writer().client.request((id) => ['set-acks', id, settings.acks]);
    }
    this.#failure = undefined;
    this.#sink.setFailure(undefined);
    await this.#writer().client.request((id) => ['set-role', id, this.#roleSettings()]);
    this.#source.moved();
  }

  /** Copies a SQLite file into this empty primary, through the log. @throws QuorateError UNSUPPORTED_STATEMENT, WRONG_ROLE … */
  importFrom(sqlitePath: string): Promise<void> {
    return this.#writer().client.request((id) => ['import', id, sqlitePath]);
  }

  /** Writes a plain SQLite file with the content at one position. */
  async exportTo(targetPath: string): Promise<Position> {
    const txId = await runMaintenance<number>({ task: 'export', file: this.filePath, target: targetPath });
    return { term: this.positions().term, txId };
  }

  /** SHA-256 over the logical content, with the position it belongs to. */
  digest(): Promise<{ txId: number; digest: Uint8Array }> {
    return runMaintenance({ task: 'digest', file: this.filePath });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    this.#source.close();
    await link?.stop();
  }
}
