import type { IncomingHttpHeaders } from 'node:http';
import type { SpanStart, TraceHeaders } from '../../tracing/interface.ts';

/** The trace that an HTTP request belongs to. A header that is there twice is none. */
export function traceHeaders({ traceparent, tracestate }: IncomingHttpHeaders): TraceHeaders {
  return {
    traceparent: typeof traceparent === 'string' ? traceparent : undefined,
    tracestate: typeof tracestate === 'string' ? tracestate : undefined,
  };
}

/** The span of something that a client has asked for. */
export function hranaSpan(request: string, database: string, headers: TraceHeaders): SpanStart {
  const attributes = { 'db.system.name': 'sqlite', 'db.namespace': database, 'db.operation.name': request };
  return { name: `hrana ${request}`, kind: 'server', headers, attributes };
}
