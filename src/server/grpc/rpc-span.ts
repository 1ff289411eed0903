import type { Metadata } from '@grpc/grpc-js';
import type { SpanStart } from '../../tracing/interface.ts';

interface SpannedCall {
  readonly metadata: Metadata;
  /** `/package.Service/Method` */
  getPath(): string;
}

/** The span of a call that a client has made, as the child of what the client sent. */
export function rpcSpan(call: SpannedCall, database?: string): SpanStart {
  const method = call.getPath().slice(1);
  return {
    name: method,
    kind: 'server',
    headers: { traceparent: header(call, 'traceparent'), tracestate: header(call, 'tracestate') },
    attributes: {
      'rpc.system.name': 'grpc',
      'rpc.method': method,
      'db.system.name': 'sqlite',
      ...(database === undefined ? {} : { 'db.namespace': database }),
    },
  };
}

function header({ metadata }: SpannedCall, name: string): string | undefined {
  return metadata.get(name)[0]?.toString();
}
