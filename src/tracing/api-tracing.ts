/** Spans by the interface of OpenTelemetry, whoever takes them. Loaded only where spans are wanted. */
import * as otel from '@opentelemetry/api';
import type { QuorateError } from '../errors/interface.ts';
import { formatTraceparent, parseTraceparent } from './traceparent.ts';
import type { MeasuredSpan, Span, SpanAttributes, SpanStart, TraceHeaders, Tracing } from './types.ts';

const kinds = {
  server: otel.SpanKind.SERVER,
  client: otel.SpanKind.CLIENT,
  internal: otel.SpanKind.INTERNAL,
} as const;

/** Spans of the tracer that is registered in this process. */
export class ApiTracing implements Tracing {
  readonly #tracer = otel.trace.getTracer('quorate');

  begin({ name, kind, headers, attributes }: SpanStart): Span {
    const around = headers === undefined ? otel.context.active() : contextOf(headers);
    const span = this.#tracer.startSpan(name, { kind: kinds[kind], attributes: { ...attributes } }, around);
    return new ApiSpan(this.#tracer, span, otel.trace.setSpan(around, span));
  }

  add({ name, traceparent, startMs, endMs, attributes }: MeasuredSpan): void {
    const options = { startTime: startMs, attributes: { ...attributes } };
    this.#tracer.startSpan(name, options, contextOf({ traceparent })).end(endMs);
  }

  headers(): TraceHeaders | undefined {
    const span = otel.trace.getActiveSpan();
    return span && headersOf(span);
  }

  fail(error: QuorateError): void {
    const span = recordingSpan();
    if (span !== undefined) {
      markFailed(span, error);
    }
  }

  logFields(): Readonly<Record<string, string>> {
    const context = recordingSpan()?.spanContext();
    return context === undefined ? {} : { trace_id: context.traceId, span_id: context.spanId };
  }
}

class ApiSpan implements Span {
  readonly #tracer: otel.Tracer;
  readonly #span: otel.Span;
  readonly #context: otel.Context;

  constructor(tracer: otel.Tracer, span: otel.Span, context: otel.Context) {
    this.#tracer = tracer;
    this.#span = span;
    this.#context = context;
  }

  get headers(): TraceHeaders {
    return headersOf(this.#span);
  }

  get isSampled(): boolean {
    return this.#span.isRecording();
  }

  run<T>(action: () => T): T {
    return otel.context.with(this.#context, action);
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes({ ...attributes });
  }

  part(name: string, startMs: number, endMs: number): void {
    this.#tracer.startSpan(name, { startTime: startMs }, this.#context).end(endMs);
  }

  fail(error: QuorateError): void {
    markFailed(this.#span, error);
  }

  end(): void {
    this.#span.end();
  }
}

/** What a request leaves behind, such as a process, stays in the context of its span after that has ended. */
function recordingSpan(): otel.Span | undefined {
  const span = otel.trace.getActiveSpan();
  return span?.isRecording() ? span : undefined;
}

function headersOf(span: otel.Span): TraceHeaders {
  const { traceId, spanId, traceFlags: flags, traceState } = span.spanContext();
  return { traceparent: formatTraceparent({ traceId, spanId, flags }), tracestate: traceState?.serialize() };
}

/** The message of an error may quote data, so only its code is told. */
function markFailed(span: otel.Span, { code }: QuorateError): void {
  span.setStatus({ code: otel.SpanStatusCode.ERROR });
  span.setAttribute('error.type', code);
}

function contextOf({ traceparent, tracestate }: TraceHeaders): otel.Context {
  const parent = parseTraceparent(traceparent);
  if (parent === undefined) {
    return otel.ROOT_CONTEXT;
  }
  const { traceId, spanId, flags: traceFlags } = parent;
  const state = tracestate === undefined ? {} : { traceState: otel.createTraceState(tracestate) };
  return otel.trace.setSpanContext(otel.ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true, ...state });
}
