import path from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import { tracing } from '../tracing/interface.ts';
import { AckRelay } from './ack-relay.ts';
import { AppliedWaiters } from './applied-waiters.ts';
import type { DatabaseContext } from './database-context.ts';
import { DatabaseFiles, databaseExists, settingsAtOpening } from './database-files.ts';
import { DatabaseGauges } from './database-gauges.ts';
import { Feeds } from './feed.ts';
import { Leadership, type UpdateOptions } from './leadership.ts';
import { runOnFile } from './maintenance.ts';
import { Mending } from './mending.ts';
import { outcomeOf, type TransactionOutcome } from './outcome.ts';
import { ReplicaHolds } from './replica-holds.ts';
import { DatabaseSink } from './replication-sink.ts';
import { DatabaseSource } from './replication-source.ts';
import { readSettings } from './settings-file.ts';
import { SharedPositions } from './shared-positions.ts';
import type { FileInbox } from './snapshot-inbox.ts';
import { openInbox } from './snapshot-installer.ts';
import { SnapshotStore } from './snapshot-store.ts';
import type {
  AckStatus,
  DatabaseFailure,
  DatabasePositions,
  DatabaseSettings,
  Position,
  ReplicationSink,
  ReplicationSource,
  SnapshotInbox,
  SnapshotSource,
  Writer,
} from './types.ts';
import { Verifications } from './verifications.ts';
import { WriterHold } from './writer-hold.ts';
import { startWriterThread } from './writer-link.ts';
import { noReply, type WriterEvent } from './writer-messages.ts';

/** One database on this node: its writer, its log for those who follow it, and its role. */
export class Database implements AsyncDisposable {
  readonly #context: DatabaseContext;
  readonly #positions: SharedPositions;
  readonly #source: DatabaseSource;
  readonly #sink: DatabaseSink;
  readonly #holds: ReplicaHolds;
  readonly #snapshots: SnapshotStore;
  readonly #inbox: FileInbox;
  readonly #waiters: AppliedWaiters;
  /** Snapshots of this database that are compared with those of other nodes. */
  readonly verifications: Verifications;
  /** Whether this database may write, in which term, and until when. */
  readonly leadership: Leadership;
  readonly gauges: DatabaseGauges;
  /** What makes this replica again what its upstream is. */
  readonly mending: Mending;
  /** What feeds this replica on its writer's thread. */
  readonly feeds = new Feeds(() => this.#writer.client);
  readonly #files: DatabaseFiles;
  readonly #writer: WriterHold;
  #failure: DatabaseFailure | undefined;
  readonly #acks = new AckRelay(({ durable, applied }) => this.#writer.tell(['acks', noReply, durable, applied]));
  #firstTxId = 0;

  /** Makes a new, empty database. @throws QuorateError DATABASE_EXISTS, IO_ERROR, DISK_FULL */
  static async create(context: DatabaseContext, settings: DatabaseSettings): Promise<Database> {
    DatabaseFiles.create(context, settings);
    return Database.open(context);
  }

  /** Opens and recovers. @throws QuorateError DATABASE_NOT_FOUND, LOG_CORRUPT, DATABASE_CORRUPT, IO_ERROR … */
  static async open(context: DatabaseContext): Promise<Database> {
    const database = new Database(context);
    await database.#start();
    return database;
  }

  static exists(context: Pick<DatabaseContext, 'runtime' | 'directory'>): boolean {
    return databaseExists(context);
  }

  /** The settings of a database that need not be open. @throws QuorateError DATABASE_CORRUPT, IO_ERROR */
  static settingsOf({ runtime, directory }: Pick<DatabaseContext, 'runtime' | 'directory'>): DatabaseSettings {
    return settingsAtOpening(readSettings(runtime.files, directory).settings);
  }

  private constructor(context: DatabaseContext) {
    this.#context = context;
    this.#files = new DatabaseFiles(context);
    this.#positions = new SharedPositions();
    this.#positions.set('content', this.#files.content);
    this.#writer = new WriterHold({ database: context.name, positions: this.#positions, clock: context.runtime.clock });
    this.#waiters = new AppliedWaiters(this.#positions, context.runtime.timers);
    this.#source = new DatabaseSource({
      files: context.runtime.files,
      logDirectory: () => this.#files.logPath,
      positions: this.#positions,
      tailCacheBytes: context.limits.tailCacheBytes,
      settings: () => this.settings,
      acks: this.#acks,
      // Appended records are copied to this thread only while somebody follows.
      onDemand: (wanted) => this.#writer.tell(['stream', noReply, wanted]),
      databaseBytes: () => this.#files.sqliteBytes(),
      bytesAt: (txId) => this.#writer.client.request((id) => ['bytes-at', id, txId]),
      onHold: (replica) => this.#holds.note(replica),
    });
    this.#holds = new ReplicaHolds({
      runtime: context.runtime,
      directory: context.directory,
      database: context.name,
      retentionAgeMs: context.limits.replicaRetentionAgeMs,
      firstTxId: () => this.#positions.get('logFirst'),
      onNeeded: (txId) => this.#writer.tell(['hold', noReply, txId]),
    });
    this.#snapshots = new SnapshotStore({
      ...context,
      directory: path.join(context.directory, 'snapshots'),
      filePath: () => this.filePath,
      source: this.#source,
      client: () => this.#writer.client,
    });
    this.#inbox = openInbox({
      context,
      files: this.#files,
      sink: () => this.#sink,
      saveRecords: () => this.#writer.client.request((id) => ['save-records', id]),
      changeContent: (content) => this.#changeContent(content),
    });
    this.#sink = new DatabaseSink({
      client: () => this.#writer.client,
      positions: this.#positions,
      databaseId: () => this.#source.databaseId,
    });
    this.mending = new Mending({
      client: () => this.#writer.client,
      files: this.#files,
      positions: this.#positions,
      onGoneBack: () => {
        this.#source.forget();
        this.#snapshots.discard();
      },
    });
    this.leadership = this.#newLeadership();
    this.verifications = new Verifications({
      runtime: context.runtime,
      name: context.name,
      file: () => this.filePath,
      client: () => this.#writer.client,
      failure: () => this.#failure,
    });
    this.gauges = this.#gauges();
  }

  #gauges(): DatabaseGauges {
    return new DatabaseGauges({
      writer: this.#writer,
      source: this.#source,
      positions: this.#positions,
      snapshots: this.#snapshots,
      verifications: this.verifications,
      holds: this.#holds,
      files: this.#files,
    });
  }

  #newLeadership(): Leadership {
    return new Leadership({
      context: this.#context,
      client: () => this.#writer.client,
      files: this.#files,
      positions: this.#positions,
      inbox: () => this.#inbox,
      databaseId: () => this.#source.databaseId,
      onRole: () => this.#forget(),
      onChanged: () => {
        this.#source.moved();
        this.#sink.moved();
      },
    });
  }

  async #start(): Promise<void> {
    const { name, origin, limits, runtime, signal, startWriter = startWriterThread } = this.#context;
    this.#files.makeDurable();
    const start = {
      name,
      directory: this.#files.contentDirectory,
      origin,
      limits,
      role: this.#files.role,
      positions: this.#positions.buffer,
      neededFrom: this.#holds.neededFrom,
      feedModule: this.#context.feedModule,
    };
    this.#writer.take(await startWriter(start, runtime.logger, (event) => this.#onEvent(event), signal));
    this.leadership.opened(this.#writer.client);
    this.#noteFirstTxId();
    this.#holds.resume();
  }

  #onEvent(event: WriterEvent): void {
    switch (event[0]) {
      case 'appended':
        this.#positions.add('streamedBytes', -event[1].length);
        this.#source.appended(event[1], event[2], event[3]);
        return;
      case 'truncated':
        return this.#source.forget();
      case 'feed':
        return this.feeds.reported(event[1], event[2]);
      case 'log-opened':
        this.#source.databaseId = event[1];
        return;
      case 'traced':
        return tracing()?.add(event[1]);
      case 'failure':
        this.#failure = event[1] ?? undefined;
        this.#sink.setFailure(this.#failure);
        this.#sink.moved();
        this.verifications.checkFailure();
        return;
      case 'at-marker':
        return this.verifications.reached(event[1], event[2]);
      case 'acks-wanted':
        return this.#acks.wanted(event[1]);
      case 'ack-status':
        return this.#acks.changed(event[1]);
      case 'moved':
        this.#noteFirstTxId();
        this.#source.moved({ tip: event[1], commit: event[2] });
        this.#sink.moved();
        this.#waiters.moved();
        return;
    }
  }

  #noteFirstTxId(): void {
    const first = this.#positions.get('logFirst');
    if (first !== this.#firstTxId) {
      this.#firstTxId = first;
      this.#source.dropped();
      this.#holds.logMoved();
    }
  }

  /** How it stands with the acknowledgements that this database asks for; how often it degraded since it was opened. */
  ackReport(): { status: AckStatus; degradations: number } {
    return this.#acks.report;
  }

  get name(): string {
    return this.#context.name;
  }

  get settings(): DatabaseSettings {
    return this.#files.settings;
  }

  get databaseId(): Uint8Array | undefined {
    return this.#source.databaseId;
  }

  get directory(): string {
    return this.#context.directory;
  }

  /** The SQLite file, for readers. */
  get filePath(): string {
    return this.#files.sqlitePath;
  }

  get writer(): Writer {
    return this.#writer.client;
  }

  get source(): ReplicationSource {
    return this.#source;
  }

  get sink(): ReplicationSink {
    return this.#sink;
  }

  /** Snapshots for replicas of this database. */
  get snapshots(): SnapshotSource {
    return this.#snapshots;
  }

  /** Where this replica takes a snapshot in. */
  get inbox(): SnapshotInbox {
    return this.#inbox;
  }

  async #changeContent(content: number): Promise<void> {
    const oldPath = this.filePath;
    this.#files.switchTo(content);
    const { contentDirectory, role } = this.#files;
    await this.#writer.client.request((id) => ['set-content', id, contentDirectory, content, role]);
    this.#source.reopen();
    this.#snapshots.discard();
    this.#forget();
    this.#context.onFileReplaced?.(oldPath, this.filePath);
    this.#files.removeOldLater(() => this.#writer.isOpen);
  }

  /** What was known belongs to another role or another content. */
  #forget(): void {
    this.#acks.forget();
    this.#failure = undefined;
    this.#sink.setFailure(undefined);
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

  /** Keeps the log no longer for a replica; false if it is not known. `replica` is its name or its id. */
  forgetReplica(replica: string): boolean {
    return this.#holds.forget(replica);
  }

  /**
   * How long the writer has been at one thing, in milliseconds, counted from when this was first asked meanwhile; 0 when it is
   * free. Neither a statement nor an fsync can be interrupted: while it is at one, nobody writes, and no term ends.
   */
  writerSilentMs(): number {
    return this.#writer.silentMs();
  }

  /** Takes the writer for hung, also while it is being closed: who waits for it is told so, and closing does not wait for it. */
  giveUpWriter(): void {
    this.#writer.giveUp();
  }

  failure(): DatabaseFailure | undefined {
    return this.#failure;
  }

  /** Resolves when this node shows the transaction. @throws QuorateError WAIT_TIMEOUT, CANCELLED */
  async waitFor(txId: number, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    await this.#waiters.wait(txId, timeoutMs, signal);
  }

  /** What became of a transaction whose client was not told. `term` is 0 when it is not known. */
  outcome(position: Position): Promise<TransactionOutcome> {
    return outcomeOf(this.#source, position);
  }

  /** A further channel to the writer, for another thread; see `attachWriter`. */
  connectWriter(): Promise<MessagePort> {
    return this.#writer.connect();
  }

  /** @throws QuorateError DATABASE_UNLOADED */
  requireOpen(): void {
    this.#writer.requireOpen();
  }

  /** See `Leadership.update`. */
  updateSettings(settings: DatabaseSettings, options?: UpdateOptions): Promise<void> {
    return this.leadership.update(settings, options);
  }

  /** Copies a SQLite file into this empty primary, through the log. @throws QuorateError UNSUPPORTED_STATEMENT, WRONG_ROLE … */
  importFrom(sqlitePath: string): Promise<void> {
    return this.#writer.client.request((id) => ['import', id, sqlitePath]);
  }

  /** Writes a plain SQLite file with the content at one position. */
  async exportTo(targetPath: string): Promise<Position> {
    const txId = await runOnFile<number>(this, (file) => ({ task: 'export', file, target: targetPath }));
    return { term: this.positions().term, txId };
  }

  /** SHA-256 over the logical content, with the position it belongs to. */
  digest(): Promise<{ txId: number; digest: Uint8Array }> {
    return runOnFile(this, (file) => ({ task: 'digest', file }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.verifications[Symbol.asyncDispose]();
    await this.#snapshots.end();
    this.#writer.leave();
    this.#source.close();
    this.#holds.close();
    await this.#inbox.pause();
    await this.#writer.stop();
    this.#snapshots.closeFiles();
  }
}
