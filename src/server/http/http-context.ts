import type { SpanExport } from '../../tracing/interface.ts';
import type { GrpcUsage } from '../grpc/grpc-server.ts';
import type { RpcContext } from '../grpc/rpc.ts';
import type { HranaEndpoint } from '../hrana/hrana-endpoint.ts';
import type { EventLoopWatch } from '../node/event-loop-watch.ts';

/** What every HTTP request works with. */
export interface HttpContext extends RpcContext {
  readonly eventLoop: EventLoopWatch;
  readonly grpc: { readonly usage: GrpcUsage };
  readonly hrana: HranaEndpoint;
  /** undefined when nothing is traced. */
  readonly spans: SpanExport | undefined;
}
