import type { Metadata } from '@grpc/grpc-js';
import type { SpanStart, TraceHeaders } from '../tracing/interface.ts';

/** The span of a call to a node. @param path `/package.Service/Method` */
export function callSpan(path: string, database: string): SpanStart {
  const method = path.slice(1);
  const attributes = {
    'rpc.system.name': 'grpc',
    'rpc.method': method,
    'db.system.name': 'sqlite',
    'db.namespace': database,
  };
  return { name: method, kind: 'client', attributes };
}

/** What is sent with a call, with the trace that it belongs to. */
export function withTrace(metadata: Metadata, headers: TraceHeaders): Metadata {
  const traced = metadata.clone();
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && value !== '') {
      traced.set(name, value);
    }
  }
  return traced;
}
