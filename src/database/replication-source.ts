import { decodeRecord, type LogPosition, LogReader } from '../log/interface.ts';
import type { FileSystem } from '../runtime/interface.ts';
import type { AckRelay } from './ack-relay.ts';
import { Listeners } from './listeners.ts';
import { RecentTraces } from './recent-traces.ts';
import type { KnownReplica } from './replica-holds.ts';
import type { SharedPositions } from './shared-positions.ts';
import { TailCache } from './tail-cache.ts';
import type { Awaited, DatabasePositions, DatabaseSettings, RecordRun, ReplicationSource, Role } from './types.ts';
import type { RecordTrace } from './write-trace.ts';

export interface DatabaseSourceOptions {
  readonly files: FileSystem;
  readonly logDirectory: () => string;
  readonly positions: SharedPositions;
  readonly tailCacheBytes: number;
  readonly settings: () => Pick<DatabaseSettings, 'role' | 'acks'>;
  readonly acks: AckRelay;
  /** Called when the first subscriber comes and after the last one went. */
  readonly onDemand: (wanted: boolean) => void;
  readonly databaseBytes: () => number;
  readonly bytesAt: (txId: number) => Promise<number>;
  readonly onHold: (replica: KnownReplica) => void;
}

type LogEnd = Pick<DatabasePositions, 'tip' | 'commit'>;

/** The log of a database as its replicas read it: from memory while they keep up, from the files otherwise. */
export class DatabaseSource implements ReplicationSource {
  readonly #options: DatabaseSourceOptions;
  readonly #listeners = new Listeners();
  readonly #tail: TailCache;
  readonly #traces = new RecentTraces();
  #reader: LogReader | undefined;
  /**
   * Up to where this thread was told of records. The shared positions run ahead of the messages that bring the records,
   * and what has not arrived yet would be read from the files, at many times the price.
   */
  #told: LogEnd | undefined;
  databaseId: Uint8Array | undefined;
  #cutCount = 0;

  constructor(options: DatabaseSourceOptions) {
    this.#options = options;
    this.#tail = new TailCache(options.tailCacheBytes);
  }

  get tailBytes(): number {
    return this.#tail.sizeBytes;
  }

  get role(): Role {
    return this.#options.settings().role;
  }

  /** A member that has promised a term serves nobody of a lower one. */
  positions(): DatabasePositions {
    const positions = this.#options.positions.read();
    return this.#isPromised ? { ...positions, term: this.#options.positions.get('promised') } : positions;
  }

  exportableTxId(): number {
    const own = this.#ownExportable(this.#options.positions.read());
    return this.#told === undefined ? own : Math.min(own, this.#ownExportable(this.#told));
  }

  /** What a member has may count in the term that it has promised, so its candidate gets all of it. */
  #ownExportable({ tip, commit }: LogEnd): number {
    return this.role === 'primary' || this.#isPromised ? tip : commit;
  }

  /** Whether a term was promised of which no record has come yet. */
  get #isPromised(): boolean {
    const { positions } = this.#options;
    return this.role === 'replica' && positions.get('promised') > positions.get('term');
  }

  positionOf(txId: number): Promise<LogPosition | undefined> {
    return this.#openReader().positionOf(txId);
  }

  async read(fromTxId: number, maxBytes: number): Promise<RecordRun> {
    const through = this.exportableTxId();
    return this.#tail.read(fromTxId, through, maxBytes) ?? (await this.#openReader().read(fromTxId, through, maxBytes));
  }

  traces(fromTxId: number, throughTxId: number, limit: number): readonly RecordTrace[] {
    return this.#traces.between(fromTxId, throughTxId, limit);
  }

  /** Traced transactions of which replicas were not told. */
  get untoldTraces(): number {
    return this.#traces.untold;
  }

  subscribe(listener: () => void): () => void {
    const unsubscribe = this.#listeners.subscribe(listener);
    if (this.#listeners.size === 1) {
      this.#options.onDemand(true);
    }
    return () => {
      unsubscribe();
      if (this.#listeners.size === 0) {
        this.#options.onDemand(false);
        this.#tail.clear();
      }
    };
  }

  appended(bytes: Uint8Array, lastTxId: number, traces: readonly RecordTrace[] = []): void {
    this.#tail.add({ bytes, firstTxId: decodeRecord(bytes).txId, lastTxId });
    this.#traces.add(traces);
  }

  /** `told`: the positions when the news was sent; absent when the shared ones are to be taken. */
  moved(told?: LogEnd): void {
    this.#told = told;
    this.#listeners.notify();
  }

  firstTxId(): number {
    return this.#options.positions.get('logFirst');
  }

  logBytes(): number {
    return this.#options.positions.get('logBytes');
  }

  tipBytes(): number {
    return this.#options.positions.get('tipBytes');
  }

  bytesAt(txId: number): Promise<number> {
    return this.#options.bytesAt(txId);
  }

  databaseBytes(): number {
    return this.#options.databaseBytes();
  }

  hold(replicaId: string, replicaName: string, durableTxId: number): void {
    this.#options.onHold({ replicaId, replicaName, durableTxId });
  }

  acknowledge(durable: readonly number[], applied: readonly number[]): void {
    this.#options.acks.acknowledge({ durable, applied });
  }

  awaited(): Awaited | undefined {
    return this.#options.acks.awaited;
  }

  awaitedCount(): number {
    return this.#options.acks.awaitedCount;
  }

  ackMembers(): readonly string[] {
    return this.#options.settings().acks?.members ?? [];
  }

  asksForAcks(): boolean {
    return this.#options.acks.asksFor(this.#options.settings().acks);
  }

  /** The oldest records have gone: their files are let go of. */
  dropped(): void {
    this.#reader?.forget();
  }

  cutCount(): number {
    return this.#cutCount;
  }

  /** Forgets what was read: records were cut from the log. */
  forget(): void {
    this.#cutCount += 1;
    this.#told = undefined;
    this.#tail.clear();
    this.#traces.clear();
    this.#reader?.forget();
  }

  /** The log is another one, in another folder. */
  reopen(): void {
    this.#cutCount += 1;
    this.#tail.clear();
    this.close();
  }

  close(): void {
    this.#reader?.close();
    this.#reader = undefined;
  }

  #openReader(): LogReader {
    this.#reader ??= LogReader.open(this.#options.files, this.#options.logDirectory());
    return this.#reader;
  }
}
