import { asQuorateError, type ErrorCode, QuorateError } from '../errors/interface.ts';
import { type LogRecord, type TransactionLog, verifyBatch } from '../log/interface.ts';
import type { Clock } from '../runtime/interface.ts';
import type { ReplicaConnection } from '../sqlite/interface.ts';
import type { DatabaseLimits } from './limits.ts';
import type { MarkerWatch } from './marker-watch.ts';
import { applyRecords } from './recovery.ts';
import type { ReplicaTraces, TracedArrival } from './replica-traces.ts';
import type { SharedPositions } from './shared-positions.ts';
import type { Tolerance } from './tolerance.ts';
import type { Awaited } from './types.ts';
import { UnappliedRecords } from './unapplied-records.ts';
import type { RecordTrace } from './write-trace.ts';

export interface ReplicaPipelineOptions {
  readonly connection: ReplicaConnection;
  readonly log: TransactionLog;
  readonly positions: SharedPositions;
  readonly limits: DatabaseLimits;
  /** Called after new records are durable. */
  readonly onAppended: (records: Uint8Array, wish: undefined, traces: readonly RecordTrace[] | undefined) => void;
  /** Called after those were answered that wait for records to be durable, and before anything is applied. */
  readonly onDurable: () => void;
  /** Where applying has to stop for a moment. */
  readonly markers: MarkerWatch;
  readonly clock: Clock;
  /** On while this replica is repaired. */
  readonly tolerance: Tolerance;
  /** Milliseconds that a record must be old, by its own time and this clock, before it is applied. */
  readonly delayMs: number;
  readonly traces: ReplicaTraces;
}

interface Arrival {
  readonly records: Uint8Array;
  /** What clients of the upstream wait for. */
  readonly awaited: Awaited | undefined;
  /** Of the upstream. */
  readonly term: number;
  readonly traced: TracedArrival | undefined;
  done(): void;
  fail(error: QuorateError): void;
}

/** How long applying rests at most while clients of the upstream wait for confirmations, in milliseconds. */
const applyRestMs = 2;

/** Conditions of the machine, not of the data: applying is tried again. */
const passing: ReadonlySet<ErrorCode> = new Set(['DISK_FULL', 'DATABASE_LOCKED', 'IO_ERROR']);

/**
 * The write path of a replica: what arrives goes into the log with one fsync, and what is committed is applied from there.
 *
 * A record is confirmed when it is durable and applied when the upstream says that it is committed; the two may be far
 * apart, by hours where a delay is set. Records that wait to be applied stay in memory up to a limit and are read from the log again beyond it.
 */
export class ReplicaPipeline {
  readonly #options: ReplicaPipelineOptions;
  #arrivals: Arrival[] = [];
  #unapplied: UnappliedRecords;
  /** Commit position of the upstream, which may be ahead of this log. */
  #upstreamCommit = 0;
  #failure: QuorateError | undefined;
  /** Until when applying rests, by the monotonic clock. */
  #restUntilMs: number | undefined;
  /** When the oldest committed record may be applied, by the wall clock; undefined when none waits for its time. */
  #nextDueAtMs: number | undefined;

  constructor(options: ReplicaPipelineOptions) {
    this.#options = options;
    this.#unapplied = this.#unappliedRecords();
  }

  #unappliedRecords(): UnappliedRecords {
    const { log, positions, limits } = this.#options;
    return new UnappliedRecords(log, positions.get('applied'), limits.maxUnappliedBytes);
  }

  /** Why nothing can be applied any more, if so. */
  get failure(): QuorateError | undefined {
    return this.#failure;
  }

  /** Whether `step` has something to do. */
  get hasWork(): boolean {
    return this.#arrivals.length > 0 || (this.#failure === undefined && this.#mayApply());
  }

  #mayApply(): boolean {
    return this.#hasUnapplied && !this.#options.markers.isHeld && !this.#isWaiting() && this.restMs === 0;
  }

  get #hasUnapplied(): boolean {
    const { positions } = this.#options;
    return positions.get('applied') < positions.get('commit');
  }

  /** When there is something to apply again, in milliseconds of the wall clock; undefined unless a delay holds it back. */
  get nextDueAtMs(): number | undefined {
    return this.#isWaiting() ? this.#nextDueAtMs : undefined;
  }

  #isWaiting(): boolean {
    return this.#nextDueAtMs !== undefined && this.#options.clock.nowMs() < this.#nextDueAtMs;
  }

  /** How long applying rests from now on, in milliseconds; 0 when it does not. */
  get restMs(): number {
    const untilMs = this.#hasUnapplied ? this.#restUntilMs : undefined;
    return untilMs === undefined ? 0 : Math.max(0, untilMs - this.#options.clock.monotonicMs());
  }

  /** Queues records; `arrival.done` is called when they are durable. */
  append(arrival: Arrival, commitTxId: number): void {
    this.#keep(arrival);
    this.#upstreamCommit = Math.max(this.#upstreamCommit, commitTxId);
  }

  #keep(arrival: Arrival): void {
    this.#arrivals.push(arrival);
    this.#options.positions.add('receivedBytes', arrival.records.length);
  }

  /** The upstream has nothing else to say, or somebody waits: there is no reason to rest. */
  commitTo(commitTxId: number): void {
    this.#restUntilMs = undefined;
    this.#upstreamCommit = Math.max(this.#upstreamCommit, commitTxId);
    this.#advanceCommit();
  }

  /** The commit position never passes what this log has. */
  #advanceCommit(): void {
    const { log, positions } = this.#options;
    const commit = Math.min(this.#upstreamCommit, log.durable.txId);
    if (commit > positions.get('commit')) {
      positions.set('commit', commit);
    }
  }

  /**
   * Makes everything that has arrived durable, then applies one SQLite transaction's worth of committed records. Where
   * somebody waits for the first only, the second rests for a moment: the processors are needed to carry confirmations,
   * and many transactions applied at once cost much less than each by itself. A confirmation leaves when this turn ends.
   */
  step(): void {
    const confirms = this.#log();
    this.#advanceCommit();
    if (this.#failure === undefined) {
      this.#attempt(() => this.#options.tolerance.check());
      if (!confirms && this.#mayApply()) {
        this.#applySlice();
      }
    }
    this.#options.positions.set('unappliedBytes', this.#unapplied.sizeBytes);
  }

  /** Ends the repair of this replica. @throws QuorateError DIVERGED when something wrong may be left; nothing is applied then */
  endRepair(isEqual: boolean): void {
    this.#attempt(() => this.#options.tolerance.end(isEqual));
  }

  /** Applies again after a failure: what has failed is tolerated now, or fails again. */
  forgive(): void {
    this.#failure = undefined;
  }

  /** Remembers a failure that does not pass. */
  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      const failure = asQuorateError(error);
      if (!passing.has(failure.code)) {
        this.#failure = failure;
      }
      throw failure;
    }
  }

  /** Returns whether somebody waits for the confirmation of what was logged. */
  #log(): boolean {
    const arrivals = this.#takeArrivals();
    const [first] = arrivals;
    if (first === undefined) {
      return false;
    }
    try {
      if (this.#failure !== undefined) {
        throw this.#failure;
      }
      this.#appendFrame(arrivals, first);
    } catch (error) {
      for (const arrival of arrivals) {
        arrival.fail(asQuorateError(error));
      }
      return false;
    }
    for (const arrival of arrivals) {
      arrival.done();
    }
    const confirms = arrivals.some(({ awaited }) => awaited?.durable);
    if (confirms) {
      this.#restUntilMs ??= this.#options.clock.monotonicMs() + applyRestMs;
      this.#options.onDurable();
    }
    if (arrivals.some(({ awaited }) => awaited?.applied)) {
      this.#restUntilMs = undefined;
    }
    return confirms;
  }

  #takeArrivals(): readonly Arrival[] {
    const arrivals = this.#arrivals;
    if (arrivals.length > 0) {
      this.#arrivals = [];
      this.#options.positions.set('receivedBytes', 0);
    }
    return arrivals;
  }

  #appendFrame(arrivals: readonly Arrival[], first: Arrival): void {
    const { log, positions, onAppended, clock, traces } = this.#options;
    const records = arrivals.length === 1 ? first.records : Buffer.concat(arrivals.map((arrival) => arrival.records));
    const batch = verifyBatch(records, log.tip);
    log.append(records, batch.lastTxId - batch.firstTxId + 1, batch.end);
    positions.set('tip', log.tip.txId);
    const sinceMs = clock.monotonicMs();
    log.sync();
    positions.timings.observeMs('fsync', sinceMs, clock.monotonicMs());
    positions.set('durable', log.tip.txId);
    positions.set('term', log.tip.term);
    this.#unapplied.add(records, batch.firstTxId);
    const traced = arrivals.flatMap((arrival) => arrival.traced ?? []);
    for (const arrival of traced) {
      traces.logged(arrival);
    }
    onAppended(records, undefined, traced.length === 0 ? undefined : traced.flatMap((arrival) => arrival.traces));
  }

  #applySlice(): void {
    const { connection, positions, limits, markers, tolerance, clock, traces } = this.#options;
    const applied = positions.get('applied');
    const commit = positions.get('commit');
    this.#restUntilMs = undefined;
    this.#attempt(() => {
      const { slice, marker } = this.#upToMarker(this.#due(this.#unapplied.peek(commit, limits)));
      const sinceMs = clock.monotonicMs();
      applyRecords(connection, slice, tolerance.isOn ? tolerance : undefined);
      this.#unapplied.remove(slice);
      const reached = slice.at(-1)?.txId ?? applied;
      if (reached > applied) {
        positions.timings.observeMs('apply', sinceMs, clock.monotonicMs());
        traces.applied(slice, sinceMs);
      }
      positions.set('applied', reached);
      positions.set(
        'appliedBytes',
        slice.reduce((sum, { sizeBytes }) => sum + sizeBytes, positions.get('appliedBytes')),
      );
      if (marker !== undefined) {
        markers.reached(marker, reached);
      }
    });
  }

  /** The records up to the first marker that somebody waits for. */
  #upToMarker(records: readonly LogRecord[]): { slice: readonly LogRecord[]; marker?: string } {
    for (const [i, { operations }] of records.entries()) {
      const marker = this.#options.markers.awaitedIn(operations);
      if (marker !== undefined) {
        return { slice: records.slice(0, i + 1), marker };
      }
    }
    return { slice: records };
  }

  /** The records that are old enough; remembers when the first of the others will be. */
  #due(records: readonly LogRecord[]): readonly LogRecord[] {
    const { clock, delayMs } = this.#options;
    this.#nextDueAtMs = undefined;
    if (delayMs === 0) {
      return records;
    }
    const newestMs = clock.nowMs() - delayMs;
    const young = records.findIndex(({ timeMs }) => timeMs > newestMs);
    if (young < 0) {
      return records;
    }
    this.#nextDueAtMs = (records[young] as LogRecord).timeMs + delayMs;
    return records.slice(0, young);
  }

  /** Refuses what has arrived and was not logged yet, where `refusal` has a reason for the term of its upstream. */
  failArrivals(refusal: (term: number) => QuorateError | undefined): void {
    for (const arrival of this.#takeArrivals()) {
      const error = refusal(arrival.term);
      if (error === undefined) {
        this.#keep(arrival);
      } else {
        arrival.fail(error);
      }
    }
  }

  /** Cuts records that were never committed. @throws QuorateError DIVERGED when a committed one would go */
  truncateAfter(txId: number): void {
    const { log, positions } = this.#options;
    const kept = Math.max(positions.get('commit'), positions.get('applied'));
    if (txId < kept) {
      throw new QuorateError(
        'DIVERGED',
        `the upstream's history parts at transaction ${txId}, but ${kept} is committed here`,
        {
          hint: 'Two nodes were primary at once, or data was restored on one side. If the history of the upstream counts: quorate database rejoin DATABASE',
          details: { partsAfterTxId: txId, committedTxId: kept },
        },
      );
    }
    log.truncateAfter(txId);
    positions.set('tip', log.tip.txId);
    positions.set('durable', log.tip.txId);
    this.#unapplied = this.#unappliedRecords();
    this.#options.traces.clear();
    this.#nextDueAtMs = undefined;
  }
}
