import type { LogEnds, RecordTrace, ReplicationSink } from '../database/interface.ts';
import { asQuorateError, QuorateError } from '../errors/interface.ts';
import { databaseIdBytes, type LogPosition } from '../log/interface.ts';
import type { ExportStarted, ExportTxResponse, Heartbeat, Position, Records } from '../proto/interface.ts';
import type { Runtime, Timer } from '../runtime/interface.ts';
import { parseTraceparent } from '../tracing/interface.ts';
import { checkVersion } from './export-session.ts';
import { type LagMeter, newLagMeter } from './lag-meter.ts';
import { latestTermOf } from './latest-term.ts';
import { appliedNoticeMs, maxMessageTraces, protocolVersions, type ReplicationLimits } from './limits.ts';
import { RecordAssembler } from './record-assembler.ts';
import type { ChannelListener, ExportStream } from './types.ts';
import { checkPath } from './upstream-path.ts';

export interface ReplicaIdentity {
  /** Acknowledgements are counted by it. */
  readonly replicaId: string;
  /** What people call it. */
  readonly replicaName: string;
  /** Where clients reach it by HTTP. */
  readonly httpUrl?: string | undefined;
}

export interface ReplicaSessionOptions {
  readonly sink: ReplicationSink;
  /** Name of the database on the upstream. */
  readonly database: string;
  readonly identity: ReplicaIdentity;
  readonly runtime: Runtime;
  readonly limits: ReplicationLimits;
  /** Measures over several sessions. Default: one for this session. */
  readonly lag?: LagMeter | undefined;
  /** Whether a snapshot can be fetched when the upstream asks for that. */
  readonly acceptsSnapshot?: boolean | undefined;
  /** Ends with SNAPSHOT_REQUIRED as soon as the upstream turns out to be one that may be followed. */
  readonly wantsSnapshot?: boolean | undefined;
  /** Called with the replica ids of the upstream and of those that it follows; with none when it is refused as a loop. */
  readonly onUpstreamPath?: ((path: readonly string[]) => void) | undefined;
  /** Called whenever more is known of the upstream. `began`: nothing of what was known before counts. */
  readonly onHeard?: ((lag: LagMeter, began: boolean) => void) | undefined;
  /** Called when records begin to flow. */
  readonly onStreaming?: (() => void) | undefined;
  /** Called once, with the reason if it is an error. */
  readonly onEnd: (error: QuorateError | undefined) => void;
}

/** Messages that a replica keeps while it makes its log ready for records; the channel is paused meanwhile. */
const maxEarlyMessages = 64;

/**
 * The replica's side of one stream: says where its log ends, cuts what its upstream never committed, passes records to
 * its database, and reports what is durable and applied. It stops reading while too many bytes wait for the disk.
 */
export class ReplicaSession implements ChannelListener<ExportTxResponse> {
  readonly #options: ReplicaSessionOptions;
  readonly #assembler: RecordAssembler;
  readonly #early: ExportTxResponse[] = [];
  readonly lag: LagMeter;
  #channel: ExportStream | undefined;
  /** Of the upstream, as it said last. */
  #term = 0;
  #phase: 'starting' | 'preparing' | 'streaming' = 'starting';
  #ended = false;
  #waitingBytes = 0;
  #heardAtMs: number;
  #acknowledged = { durable: -1, applied: -1 };
  /** Whether a client of the upstream waits until replicas show what is committed. */
  #appliedAwaited = false;
  #appliedNotice: Timer | undefined;
  #writable = true;
  #unsubscribe: () => void = () => {};
  #watchdog: Timer | undefined;

  constructor(options: ReplicaSessionOptions) {
    this.#options = options;
    this.#assembler = new RecordAssembler(options.limits.maxRecordBytes);
    this.lag = options.lag ?? newLagMeter(options.runtime.clock, options.limits);
    this.#heardAtMs = options.runtime.clock.monotonicMs();
    this.measure();
  }

  /** Makes the lag tell of this moment. */
  measure(): void {
    const { sink } = this.#options;
    this.lag.moved({ ...sink.positions(), unappliedBytes: sink.unappliedBytes() });
  }

  /** Begins on a channel whose messages go to this session. */
  async start(channel: ExportStream): Promise<void> {
    const { sink, database, identity, wantsSnapshot = false } = this.#options;
    this.#channel = channel;
    this.#watch();
    try {
      // What is here gives way to a snapshot, so it need not fit.
      const { durable, committed, between } = wantsSnapshot ? noEnds : await sink.ends();
      const start = {
        protocolMin: protocolVersions.min,
        protocolMax: protocolVersions.max,
        database,
        databaseId: Buffer.from(sink.databaseId ?? []),
        durable: positionMessage(durable),
        committed: positionMessage(committed),
        between: between.map(positionMessage),
        replicaId: identity.replicaId,
        replicaName: identity.replicaName,
        promisedTerm: latestTermOf(sink),
        acceptsSnapshot: this.#options.acceptsSnapshot === true,
        httpUrl: identity.httpUrl ?? '',
      };
      this.#send({ $case: 'start', value: start });
    } catch (error) {
      this.end(asQuorateError(error));
    }
  }

  onMessage(response: ExportTxResponse): void {
    if (this.#ended) {
      return;
    }
    const { message } = response;
    this.#heardAtMs = this.#options.runtime.clock.monotonicMs();
    try {
      if (message?.$case === 'path') {
        this.#learnPath(message.value.replicaIds);
      } else if (this.#phase === 'preparing') {
        this.#keepEarly(response);
      } else if ((message?.$case === 'started') !== (this.#phase === 'starting')) {
        throw new QuorateError('PROTOCOL_ERROR', 'an upstream says once that it has started, and then sends records');
      } else if (message?.$case === 'started') {
        this.#phase = 'preparing';
        this.#channel?.pause();
        this.#prepare(message.value).catch((error: unknown) => this.end(asQuorateError(error)));
      } else if (message?.$case === 'records') {
        this.#receive(message.value);
      } else if (message?.$case === 'heartbeat') {
        this.#hear(message.value);
      }
    } catch (error) {
      this.end(asQuorateError(error));
    }
  }

  /** What was on its way when the channel was paused. */
  #keepEarly(response: ExportTxResponse): void {
    if (this.#early.length === maxEarlyMessages) {
      throw new QuorateError('PROTOCOL_ERROR', `the upstream sent ${maxEarlyMessages} messages to a paused replica`);
    }
    this.#early.push(response);
  }

  /** Of two databases that would follow each other only the one that sees it first stops: the other then follows a free end. */
  #learnPath(path: readonly string[]): void {
    const { identity, onUpstreamPath } = this.#options;
    try {
      checkPath(identity.replicaId, path);
      onUpstreamPath?.(path);
    } catch (error) {
      onUpstreamPath?.([]);
      throw error;
    }
  }

  onDrain(): void {
    this.#writable = true;
    this.#acknowledge();
  }

  onEnd(error: QuorateError | undefined): void {
    this.#finish(error);
  }

  /** Ends the stream from this side. */
  end(error?: QuorateError): void {
    if (!this.#ended) {
      this.#channel?.end(error);
      this.#finish(error);
    }
  }

  #finish(error: QuorateError | undefined): void {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    this.#unsubscribe();
    this.#watchdog?.cancel();
    this.#appliedNotice?.cancel();
    this.#options.onEnd(error);
  }

  /** Makes the log end where the upstream said, then lets records in. */
  async #prepare(started: ExportStarted): Promise<void> {
    const { sink } = this.#options;
    checkVersion(started.protocol, started.protocol);
    if (started.databaseId.length !== databaseIdBytes) {
      throw new QuorateError(
        'PROTOCOL_ERROR',
        `the upstream names a database id of ${started.databaseId.length} bytes`,
      );
    }
    this.#term = started.term;
    this.#checkTerm(latestTermOf(sink));
    if (this.#options.wantsSnapshot) {
      throw new QuorateError('SNAPSHOT_REQUIRED', 'a new copy of this database was asked for');
    }
    await sink.initialize(started.databaseId);
    const { durable } = await sink.ends();
    const from = started.from?.txId ?? 0;
    if (from > durable.txId) {
      throw new QuorateError(
        'PROTOCOL_ERROR',
        `the upstream wants to go on after ${from}, but this log ends at ${durable.txId}`,
      );
    }
    if (from < durable.txId) {
      await sink.truncateAfter(from, this.#term);
    }
    this.#begin(started);
  }

  /** @throws QuorateError STALE_TERM for an upstream of a lower term than this replica has promised or seen */
  #checkTerm(latestTerm: number): void {
    if (this.#term < latestTerm) {
      const message = `the upstream is at term ${this.#term}; this replica follows term ${latestTerm} already`;
      throw new QuorateError('STALE_TERM', message, { hint: 'Point the replica at the present primary.' });
    }
  }

  #begin(started: ExportStarted): void {
    if (this.#ended) {
      return;
    }
    this.#phase = 'streaming';
    this.#unsubscribe = this.#options.sink.subscribe(() => this.#moved());
    if (started.heartbeat !== undefined) {
      this.lag.started(started.heartbeat);
      this.#options.onHeard?.(this.lag, true);
      this.#options.sink.commitTo(started.heartbeat.commitTxId, this.#term);
    }
    this.#options.onStreaming?.();
    this.#acknowledge();
    for (const response of this.#early.splice(0)) {
      this.onMessage(response);
    }
    this.#channel?.resume();
  }

  #receive(message: Records): void {
    this.lag.arrived(message.records.length, message.commitTxId);
    this.#options.onHeard?.(this.lag, false);
    this.#appliedAwaited = message.awaited?.applied === true;
    const records = this.#assembler.add(message.records, message.more);
    if (records === undefined) {
      return;
    }
    const sizeBytes = records.length;
    this.#waitingBytes += sizeBytes;
    if (this.#waitingBytes > this.#options.limits.receiveWindowBytes) {
      this.#channel?.pause();
    }
    this.#options.sink.append(records, message.commitTxId, this.#term, message.awaited, tracesOf(message)).then(
      () => this.#stored(sizeBytes),
      (error: unknown) => this.end(asQuorateError(error)),
    );
  }

  #stored(sizeBytes: number): void {
    const { receiveWindowBytes } = this.#options.limits;
    this.lag.stored(sizeBytes);
    const wasFull = this.#waitingBytes > receiveWindowBytes;
    this.#waitingBytes -= sizeBytes;
    if (wasFull && this.#waitingBytes <= receiveWindowBytes && !this.#ended) {
      this.#channel?.resume();
    }
  }

  #hear(heartbeat: Heartbeat): void {
    this.lag.heard(heartbeat);
    this.#options.onHeard?.(this.lag, false);
    this.#appliedAwaited = heartbeat.awaited?.applied === true;
    this.#term = Math.max(this.#term, heartbeat.term);
    this.#options.sink.commitTo(heartbeat.commitTxId, this.#term);
  }

  #moved(): void {
    const { sink } = this.#options;
    this.measure();
    if (this.#isOver()) {
      return;
    }
    const failure = sink.failure();
    if (failure !== undefined && lasting.has(failure.code)) {
      this.end(new QuorateError(failure.code as 'DIVERGED', failure.message, { hint: failure.hint }));
      return;
    }
    this.#acknowledge();
  }

  /** Ends when a later term was promised: its candidate was told what this replica has, and counts on that. */
  #isOver(): boolean {
    try {
      this.#checkTerm(this.#options.sink.promisedTerm());
    } catch (error) {
      this.end(asQuorateError(error));
    }
    return this.#ended;
  }

  /** Reports progress: at once what is durable, and in its company or a little later what is applied. */
  #acknowledge(): void {
    const { durable, applied } = this.#options.sink.positions();
    if (durable !== this.#acknowledged.durable || (applied !== this.#acknowledged.applied && this.#appliedAwaited)) {
      this.#report();
    } else if (applied !== this.#acknowledged.applied) {
      this.#appliedNotice ??= this.#options.runtime.timers.after(appliedNoticeMs, () => {
        this.#appliedNotice = undefined;
        this.#report();
      });
    }
  }

  /** Once for each change. Nothing is reported that is not fsynced (invariant I3). */
  #report(): void {
    const { durable, applied } = this.#options.sink.positions();
    if (
      this.#isOver() ||
      !this.#writable ||
      (durable === this.#acknowledged.durable && applied === this.#acknowledged.applied)
    ) {
      return;
    }
    this.#acknowledged = { durable, applied };
    this.#send({ $case: 'acknowledgement', value: { durableTxId: durable, appliedTxId: applied } });
  }

  #send(message: Parameters<ExportStream['send']>[0]['message']): void {
    this.#writable = this.#channel?.send({ message }) ?? false;
  }

  /** An upstream that sends no heartbeat for too long is taken for dead, whatever its socket says. */
  #watch(): void {
    const { runtime, limits } = this.#options;
    const waitMs = limits.upstreamTimeoutMs / 4;
    const dueMs = runtime.clock.monotonicMs() + waitMs;
    this.#watchdog = runtime.timers.after(waitMs, () => {
      const nowMs = runtime.clock.monotonicMs();
      // Where this thread was busy itself, what the upstream said meanwhile has still to be read.
      const isLate = nowMs - dueMs > waitMs;
      if (nowMs - this.#heardAtMs > limits.upstreamTimeoutMs && !isLate) {
        this.end(
          new QuorateError('UNAVAILABLE', `nothing was heard of the upstream for ${limits.upstreamTimeoutMs} ms`),
        );
      } else if (!this.#ended) {
        this.#watch();
      }
    });
  }
}

const nowhere: LogPosition = { txId: 0, term: 0, hash: new Uint8Array(32) };
const noEnds: LogEnds = { durable: nowhere, committed: nowhere, between: [] };

/** Failures of applying that no retry of the stream can mend. */
const lasting: ReadonlySet<string> = new Set([
  'DIVERGED',
  'SCHEMA_MISMATCH',
  'DATABASE_CORRUPT',
  'SQL_ERROR',
  'CONSTRAINT_VIOLATION',
]);

/** undefined when nothing is traced. What one message may name is bounded by the limit of its sender, and here. */
function tracesOf({ traces }: Records): RecordTrace[] | undefined {
  const known = traces.slice(0, maxMessageTraces).filter(({ traceparent }) => parseTraceparent(traceparent));
  return known.length === 0 ? undefined : known.map(({ txId, traceparent }) => [txId, traceparent]);
}

function positionMessage(position: LogPosition): Position {
  return { txId: position.txId, term: position.term, hash: Buffer.from(position.hash) };
}
