import type { RpcContext } from '../grpc/rpc.ts';
import type { HranaLimits } from './hrana-limits.ts';
import { RequestDecoder } from './request-decoder.ts';
import { SqlTexts } from './sql-texts.ts';

/** What everything that speaks Hrana works with. */
export interface HranaContext extends RpcContext {
  readonly limits: HranaLimits;
  readonly decoder: RequestDecoder;
  readonly texts: SqlTexts;
}

export function hranaContext(context: RpcContext, limits: HranaLimits): HranaContext {
  return { ...context, limits, decoder: new RequestDecoder(limits), texts: new SqlTexts(limits.hranaMaxSqlBytes) };
}
