/** The public face of the `tracing` layer: spans of OpenTelemetry. Nothing of OpenTelemetry is loaded before it is wanted. */
export type { SpanExport } from './span-export.ts';
export { startTracing, type TracingOptions, useApplicationTracer } from './start-tracing.ts';
export { parseTraceparent } from './traceparent.ts';
export { inSpan, tracing } from './tracing.ts';
export type { MeasuredSpan, Span, SpanAttributes, SpanCounts, SpanStart, TraceHeaders } from './types.ts';
