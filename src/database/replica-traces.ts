import type { LogRecord, TxId } from '../log/interface.ts';
import type { Clock } from '../runtime/interface.ts';
import type { MeasuredSpan } from '../tracing/interface.ts';
import type { RecordTrace } from './write-trace.ts';

/** Traced transactions that wait to be applied; of more, only their logging is told. */
const maxWaiting = 1024;

/** Records of traced transactions that have arrived. */
export interface TracedArrival {
  readonly traces: readonly RecordTrace[];
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** Measures what a replica does with traced transactions. */
export class ReplicaTraces {
  readonly #database: string;
  readonly #clock: Clock;
  readonly #onSpan: (span: MeasuredSpan) => void;
  readonly #onNotFollowed: () => void;
  readonly #waiting = new Map<TxId, string>();

  /** @param onNotFollowed called for one too many that waits to be applied */
  constructor(database: string, clock: Clock, onSpan: (span: MeasuredSpan) => void, onNotFollowed: () => void) {
    this.#database = database;
    this.#clock = clock;
    this.#onSpan = onSpan;
    this.#onNotFollowed = onNotFollowed;
  }

  /** undefined when nothing of it is traced. */
  arrived(traces: readonly RecordTrace[] | undefined): TracedArrival | undefined {
    return traces && { traces, atMs: this.#clock.nowMs() };
  }

  /** What arrived is durable. */
  logged({ traces, atMs }: TracedArrival): void {
    for (const trace of traces) {
      this.#add('replica log', trace, atMs);
      if (this.#waiting.size < maxWaiting) {
        this.#waiting.set(...trace);
      } else {
        this.#onNotFollowed();
      }
    }
  }

  /** Records are visible whose applying began at `sinceMs` of the monotonic clock. */
  applied(records: readonly LogRecord[], sinceMs: number): void {
    if (this.#waiting.size === 0) {
      return;
    }
    const startMs = this.#clock.nowMs() - (this.#clock.monotonicMs() - sinceMs);
    for (const { txId } of records) {
      const traceparent = this.#waiting.get(txId);
      if (traceparent !== undefined) {
        this.#waiting.delete(txId);
        this.#add('replica apply', [txId, traceparent], startMs);
      }
    }
  }

  /** Records were cut from the log. */
  clear(): void {
    this.#waiting.clear();
  }

  #add(name: string, [txId, traceparent]: RecordTrace, startMs: number): void {
    const attributes = { 'db.system.name': 'sqlite', 'db.namespace': this.#database, 'quorate.tx_id': txId };
    this.#onSpan({ name, traceparent, startMs, endMs: this.#clock.nowMs(), attributes });
  }
}
