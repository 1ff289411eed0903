import type { TxId } from '../log/interface.ts';
import type { Clock } from '../runtime/interface.ts';
import type { Span, SpanStart } from '../tracing/interface.ts';

/** The span in which a transaction was written, as `traceparent` says it. */
export type RecordTrace = readonly [txId: TxId, traceparent: string];

/** What a writer did with a traced transaction, and when, in milliseconds since 1970. */
export type WritePart = readonly [name: WriteStep, startMs: number, endMs: number];

/** In the order in which a transaction goes through them; those that it has no need of are left out. */
export type WriteStep =
  /** Until its turn came. */
  | 'queue'
  | 'execute'
  /** Until the others of its group had run, and the group was in the log. */
  | 'group'
  | 'fsync'
  /** Until enough replicas held it. */
  | 'acks'
  /** In SQLite. */
  | 'commit'
  /** Until enough replicas showed it. */
  | 'applied';

/** A transaction that runs again with its group does some steps again; more than this is not told. */
const maxParts = 32;

/** Follows one traced transaction through the writer. */
export class WriteTrace {
  readonly traceparent: string;
  readonly parts: WritePart[] = [];
  readonly #clock: Clock;
  /** Added to the monotonic clock it gives the time. */
  readonly #offsetMs: number;
  #sinceMs: number;

  constructor(traceparent: string, clock: Clock) {
    this.traceparent = traceparent;
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
    this.#offsetMs = clock.nowMs() - this.#sinceMs;
  }

  /** A step has ended; it began where the one before ended. */
  done(step: WriteStep): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.parts.length < maxParts) {
      this.parts.push([step, this.#offsetMs + this.#sinceMs, this.#offsetMs + nowMs]);
    }
    this.#sinceMs = nowMs;
  }
}

/** The span of a transaction that is given to a writer. */
export function writeSpan(database: string): SpanStart {
  return { name: 'write', kind: 'internal', attributes: { 'db.system.name': 'sqlite', 'db.namespace': database } };
}

/** What the writer is told of a span. */
export function traceOf(span: Span | undefined): string | undefined {
  return span?.isSampled ? span.headers.traceparent : undefined;
}

export interface WriteAnswer {
  readonly txId: number;
  readonly term: number;
  readonly acks: number;
  readonly parts: readonly WritePart[];
}

/** Tells a span what the writer has answered. */
export function describeWrite(span: Span, { txId, term, acks, parts }: WriteAnswer): void {
  span.set({ 'quorate.tx_id': txId, 'quorate.term': term, 'quorate.acks': acks });
  for (const [step, startMs, endMs] of parts) {
    span.part(`write ${step}`, startMs, endMs);
  }
}
