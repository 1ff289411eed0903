import type { RecordRun, ReplicationSource } from '../database/interface.ts';
import { asQuorateError, QuorateError } from '../errors/interface.ts';
import type { LogPosition } from '../log/interface.ts';
import type {
  Acknowledgement,
  ExportStart,
  ExportTxRequest,
  ExportTxResponse,
  Heartbeat,
  TransactionTrace,
} from '../proto/interface.ts';
import type { Runtime, Timer } from '../runtime/interface.ts';
import { counts } from './acknowledgements.ts';
import { commonPosition, genesisPosition } from './common-position.ts';
import {
  commitNoticeMs,
  followerDelayMs,
  maxMessageTraces,
  protocolVersions,
  type ReplicationLimits,
} from './limits.ts';
import type { AttachedReplica, ChannelListener, MessageChannel } from './types.ts';

/** For whose confirmation clients wait now. */
export type AwaitedReplica = 'this' | 'others' | 'none';

export interface ExportSessionOptions {
  readonly source: ReplicationSource;
  readonly limits: ReplicationLimits;
  readonly runtime: Runtime;
  readonly peer: MessageChannel<ExportTxResponse>;
  readonly address: string;
  readonly onEnd: () => void;
  /** See ExporterOptions. */
  readonly path?: (() => readonly string[]) | undefined;
  readonly awaited: () => AwaitedReplica;
  /** See ExporterOptions. */
  readonly onHigherTerm?: ((term: number) => void) | undefined;
  /** Called when the replica has more than before. */
  readonly onProgress: () => void;
}

/**
 * The upstream's side of one replica's stream: agrees on a position, then sends what the log has from there, as fast as
 * the replica takes it. The session is a cursor over the log and holds no records of its own, so a slow replica costs
 * no memory: it is served from the files when it is far behind and from the tail cache when it keeps up.
 */
export class ExportSession implements ChannelListener<ExportTxRequest> {
  readonly #options: ExportSessionOptions;
  #start: ExportStart | undefined;
  /** Of the source, when this session began. */
  #cutCount = 0;
  #sentTxId = 0;
  /** Where this stream stands on the scale of `source.tipBytes()`. */
  #sentBytes = 0;
  #sentCommit = 0;
  /** When records are to be sent at the latest that nobody waits for, by the monotonic clock. */
  #recordsDueMs: number | undefined;
  /** When the news of a commit is to be sent at the latest that no records have taken along, by the monotonic clock. */
  #commitDueMs: number | undefined;
  /** What the replica has confirmed. */
  durableTxId = 0;
  #appliedTxId = 0;
  #acknowledgedAtMs = 0;
  #writable = true;
  #ended = false;
  #wake: (() => void) | undefined;
  #heartbeatTimer: Timer | undefined;
  #unsubscribe: () => void = () => {};

  constructor(options: ExportSessionOptions) {
    this.#options = options;
  }

  /** Whether the replica has read enough of what was sent to take more. */
  get isWritable(): boolean {
    return this.#writable;
  }

  status(): AttachedReplica | undefined {
    const start = this.#start;
    return start === undefined
      ? undefined
      : {
          replicaId: start.replicaId,
          replicaName: start.replicaName,
          address: this.#options.address,
          sentTxId: this.#sentTxId,
          durableTxId: this.durableTxId,
          appliedTxId: this.#appliedTxId,
          acknowledgedAtMs: this.#acknowledgedAtMs,
          httpUrl: start.httpUrl,
        };
  }

  onMessage({ message }: ExportTxRequest): void {
    if (message?.$case === 'start' && this.#start === undefined) {
      this.#start = message.value;
      this.sendPath();
      this.#run(message.value).catch((error: unknown) => this.close(asQuorateError(error)));
    } else if (message?.$case === 'acknowledgement' && this.#start !== undefined) {
      this.#acknowledge(message.value);
    } else {
      this.close(new QuorateError('PROTOCOL_ERROR', 'ExportTx begins with one start message; acknowledgements follow'));
    }
  }

  /** Only what was sent can be held: a replica that confirms more is not to be believed. */
  #acknowledge({ durableTxId, appliedTxId }: Acknowledgement): void {
    if (this.#isCut()) {
      return;
    }
    if (durableTxId > this.#sentTxId || appliedTxId > durableTxId) {
      this.close(
        new QuorateError(
          'PROTOCOL_ERROR',
          `the replica confirmed transaction ${durableTxId}; ${this.#sentTxId} was sent`,
        ),
      );
      return;
    }
    this.durableTxId = durableTxId;
    this.#appliedTxId = appliedTxId;
    this.#acknowledgedAtMs = this.#options.runtime.clock.nowMs();
    this.#options.onProgress();
  }

  /** Ends the session when the log has lost records since it began: some of them may have been sent. */
  #isCut(): boolean {
    if (!this.#ended && this.#options.source.cutCount() !== this.#cutCount) {
      this.close(
        new QuorateError('UNAVAILABLE', 'this upstream has taken records back', {
          hint: 'The replica connects again.',
        }),
      );
    }
    return this.#ended;
  }

  onDrain(): void {
    this.#writable = true;
    this.#wake?.();
  }

  onEnd(): void {
    this.#finish();
  }

  /** Tells the replica whom this database follows, so that it sees a loop even where neither side has any records. */
  sendPath(): void {
    const path = this.#options.path?.();
    if (this.#start !== undefined && path !== undefined) {
      this.#send({ $case: 'path', value: { replicaIds: [...path] } });
    }
  }

  /** Ends the stream and tells the replica why. */
  close(reason: QuorateError): void {
    if (!this.#ended) {
      this.#finish();
      this.#options.peer.end(reason);
    }
  }

  #finish(): void {
    this.#ended = true;
    this.#unsubscribe();
    this.#heartbeatTimer?.cancel();
    this.#wake?.();
    this.#options.onEnd();
  }

  async #run(start: ExportStart): Promise<void> {
    this.#cutCount = this.#options.source.cutCount();
    const from = await this.#agree(start);
    this.#sentBytes = await this.#options.source.bytesAt(from.txId);
    if (this.#ended) {
      return;
    }
    const { source } = this.#options;
    this.#sentTxId = from.txId;
    this.durableTxId = from.txId;
    this.#options.onProgress();
    this.#unsubscribe = source.subscribe(() => this.#wake?.());
    this.#send({ $case: 'started', value: this.#started(from) });
    this.#scheduleHeartbeat();
    await this.#stream();
  }

  async #agree(start: ExportStart): Promise<LogPosition> {
    const { source } = this.#options;
    checkVersion(start.protocolMin, start.protocolMax);
    const { databaseId } = source;
    if (databaseId === undefined) {
      throw new QuorateError('UNAVAILABLE', 'this upstream is itself a replica that has not met its upstream yet');
    }
    if (start.databaseId.length > 0 && Buffer.compare(start.databaseId, databaseId) !== 0) {
      throw new QuorateError('WRONG_DATABASE', `the replica was made from another database than ${start.database}`, {
        hint: 'Delete the replica and create it again, or point it at the right upstream.',
      });
    }
    checkPromised(start, this.#options);
    if (start.durable === undefined || start.committed === undefined) {
      throw new QuorateError('PROTOCOL_ERROR', 'a start message names the durable and the committed position');
    }
    this.#preferSnapshot(start);
    const from = await commonPosition(source, {
      durable: start.durable,
      committed: start.committed,
      between: start.between,
    });
    return from.txId === 0 ? genesisPosition(databaseId) : from;
  }

  /** Replaying a long log from its first record takes longer than copying the database that it leads to. */
  #preferSnapshot({ durable, acceptsSnapshot }: ExportStart): void {
    const { source, limits } = this.#options;
    const logBytes = source.logBytes();
    const isLong = logBytes >= limits.snapshotSeedBytes && logBytes > source.databaseBytes();
    const hasContent = source.positions().applied > 0;
    if (acceptsSnapshot && durable?.txId === 0 && isLong && hasContent) {
      throw new QuorateError(
        'SNAPSHOT_REQUIRED',
        `the log has ${logBytes} bytes; a new replica begins with a snapshot`,
      );
    }
  }

  #started(from: LogPosition) {
    const { source } = this.#options;
    return {
      protocol: protocolVersions.max,
      databaseId: Buffer.from(source.databaseId ?? []),
      from: { txId: from.txId, term: from.term, hash: Buffer.from(from.hash) },
      term: source.positions().term,
      heartbeat: this.#heartbeat(),
    };
  }

  #heartbeat(): Heartbeat {
    const { source, runtime } = this.#options;
    const { tip, commit, term } = source.positions();
    this.#tellsCommit(commit);
    const clockMs = Math.floor(runtime.clock.nowMs());
    const unsentBytes = this.#sentTxId >= tip ? 0 : Math.max(0, source.tipBytes() - this.#sentBytes);
    const awaited = source.awaited();
    return { tipTxId: tip, commitTxId: commit, term, clockMs, unsentBytes, awaited, counts: this.#counts() };
  }

  #counts(): boolean {
    const { source } = this.#options;
    const start = this.#start;
    return start !== undefined && source.asksForAcks() && counts(start, source.ackMembers());
  }

  #tellsCommit(commit: number): void {
    this.#sentCommit = commit;
    this.#commitDueMs = undefined;
  }

  #scheduleHeartbeat(): void {
    this.#heartbeatTimer = this.#options.runtime.timers.after(this.#options.limits.heartbeatIntervalMs, () => {
      if (!this.#ended) {
        if (this.#writable) {
          this.#send({ $case: 'heartbeat', value: this.#heartbeat() });
        }
        this.#scheduleHeartbeat();
      }
    });
  }

  /** Sends records while there are any, and the commit position when it moved without them. */
  async #stream(): Promise<void> {
    const { source, limits } = this.#options;
    while (!this.#isCut()) {
      if (!this.#writable) {
        await this.#changed();
      } else if (this.#sentTxId < source.exportableTxId()) {
        const restMs = this.#restMs();
        if (restMs > 0) {
          await this.#changed(restMs);
          continue;
        }
        this.#recordsDueMs = undefined;
        const batch = await source.read(this.#sentTxId + 1, limits.exportBatchBytes);
        await this.#sendRecords(batch);
        this.#sentTxId = batch.lastTxId;
        this.#sentBytes += batch.bytes.length;
      } else if (this.#sentCommit < Math.min(source.positions().commit, this.#sentTxId)) {
        await this.#tellCommit();
      } else {
        await this.#changed();
      }
    }
  }

  /** How long the next records may wait for company; a replica that is behind gets what it misses at once. */
  #restMs(): number {
    const { source, limits, runtime, awaited } = this.#options;
    const whose = awaited();
    const isBehind = source.tipBytes() - this.#sentBytes >= limits.exportBatchBytes;
    if (whose === 'this' || isBehind || (whose === 'none' && this.#recordsDueMs === undefined)) {
      return 0;
    }
    const nowMs = runtime.clock.monotonicMs();
    this.#recordsDueMs ??= nowMs + followerDelayMs;
    return this.#recordsDueMs - nowMs;
  }

  /** Tells the commit position alone, if no records come soon to take it along. */
  async #tellCommit(): Promise<void> {
    const { source, runtime } = this.#options;
    const nowMs = runtime.clock.monotonicMs();
    this.#commitDueMs ??= nowMs + commitNoticeMs;
    if (nowMs >= this.#commitDueMs || source.awaited()?.applied) {
      this.#send({ $case: 'heartbeat', value: this.#heartbeat() });
    } else {
      await this.#changed(this.#commitDueMs - nowMs);
    }
  }

  async #sendRecords({ bytes, firstTxId, lastTxId }: RecordRun): Promise<void> {
    const { source, limits } = this.#options;
    for (let offset = 0; offset < bytes.length && !this.#ended; offset += limits.exportMessageBytes) {
      const part = bytes.subarray(offset, offset + limits.exportMessageBytes);
      const more = offset + part.length < bytes.length;
      const { commit } = source.positions();
      this.#tellsCommit(commit);
      const records = Buffer.from(part.buffer, part.byteOffset, part.length);
      const traces = more ? [] : this.#traces(firstTxId, lastTxId);
      const awaited = source.awaited();
      this.#send({ $case: 'records', value: { records, more, commitTxId: commit, awaited, traces } });
      while (!this.#writable && more && !this.#ended) {
        await this.#changed();
      }
    }
  }

  #traces(firstTxId: number, lastTxId: number): TransactionTrace[] {
    const { source } = this.#options;
    return source.traces(firstTxId, lastTxId, maxMessageTraces).map(([txId, traceparent]) => ({ txId, traceparent }));
  }

  #send(message: NonNullable<ExportTxResponse['message']>): void {
    if (!this.#ended) {
      this.#writable = this.#options.peer.send({ message });
    }
  }

  /** Resolves when the log moved, the peer takes more, the session ended, or after `limitMs`. */
  async #changed(limitMs?: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = limitMs === undefined ? undefined : this.#options.runtime.timers.after(limitMs, resolve);
    if (!this.#ended) {
      await promise;
    }
    timer?.cancel();
    this.#wake = undefined;
  }
}

/** @throws QuorateError STALE_TERM for a replica that has promised a higher term than that of this upstream */
export function checkPromised(
  { promisedTerm }: { readonly promisedTerm: number },
  { source, onHigherTerm }: Pick<ExportSessionOptions, 'source' | 'onHigherTerm'>,
): void {
  const { term } = source.positions();
  if (promisedTerm > term) {
    onHigherTerm?.(promisedTerm);
    throw new QuorateError(
      'STALE_TERM',
      `this upstream is at term ${term}, the replica follows term ${promisedTerm} already`,
      { hint: 'This node was primary earlier. Point the replica at the present primary.' },
    );
  }
}

/** @throws QuorateError PROTOCOL_VERSION when the two sides have no version in common */
export function checkVersion(min: number, max: number): void {
  if (min > protocolVersions.max || max < protocolVersions.min) {
    throw new QuorateError(
      'PROTOCOL_VERSION',
      `this node speaks replication protocol ${protocolVersions.min} to ${protocolVersions.max}, the peer ${min} to ${max}`,
      { hint: 'Upgrade the older of the two nodes.' },
    );
  }
}
