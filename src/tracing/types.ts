import type { QuorateError } from '../errors/interface.ts';

/** The headers of W3C Trace Context, https://www.w3.org/TR/trace-context/. */
export interface TraceHeaders {
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

/** Values of spans by their names, which follow the conventions of OpenTelemetry where there is one. */
export type SpanAttributes = Readonly<Record<string, string | number>>;

export interface SpanStart {
  readonly name: string;
  /** Whether it is what a client asked for, a call to another node, or work within this one. */
  readonly kind: 'server' | 'client' | 'internal';
  /** What the client sent; when absent, the span belongs to the one in which it begins. */
  readonly headers?: TraceHeaders | undefined;
  readonly attributes: SpanAttributes;
}

/** A span that has begun. */
export interface Span {
  /** What the next node is sent, also when nothing is recorded: the decision holds for the whole trace. */
  readonly headers: TraceHeaders;
  /** Whether it is recorded. */
  readonly isSampled: boolean;
  /** Runs an action whose spans become children of this one. */
  run<T>(action: () => T): T;
  set(attributes: SpanAttributes): void;
  /** Adds a child that has ended. Times are milliseconds since 1970. */
  part(name: string, startMs: number, endMs: number): void;
  fail(error: QuorateError): void;
  end(): void;
}

/** A span that was measured elsewhere, such as on another thread. */
export interface MeasuredSpan {
  readonly name: string;
  /** Its parent. */
  readonly traceparent: string;
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: SpanAttributes;
}

/** Where spans are made. */
export interface Tracing {
  begin(start: SpanStart): Span;
  add(span: MeasuredSpan): void;
  /** What the next node is sent of the span in which this is called; nothing outside of spans. */
  headers(): TraceHeaders | undefined;
  /** Tells the span in which this is called, if there is one, that something in it failed. */
  fail(error: QuorateError): void;
  /** What a log line says of the span in which it is written; nothing outside of spans. */
  logFields(): Readonly<Record<string, string>>;
}

/** Counts of what goes to a collector. */
export interface SpanCounts {
  /** Spans that wait or are on their way. */
  readonly waiting: number;
  readonly queueLimit: number;
  readonly sent: number;
  /** Because too many waited. */
  readonly droppedByLimit: number;
  /** Because the collector did not take them. */
  readonly droppedByFailure: number;
}
