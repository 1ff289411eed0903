import { fromWireStatement, toWireResult } from '../../client/interface.ts';
import type { ExecuteRequest, ExecuteResponse, QueryServer } from '../../proto/interface.ts';
import { ackLevelOf } from '../node/ack-settings.ts';
import { executeSql } from '../node/sql.ts';
import { onDatabase, type RpcContext, traced, unaryRpc } from './rpc.ts';
import { transactionRpc } from './transaction-rpc.ts';

/** SQL over gRPC. */
export function queryService(context: RpcContext): QueryServer {
  return {
    transaction: transactionRpc(context),
    execute: unaryRpc(
      context,
      traced(onDatabase('read')),
      async (request: ExecuteRequest, { signal, identity }): Promise<ExecuteResponse> => {
        const answer = await executeSql(context.node, {
          database: request.database,
          statements: request.statements.map(fromWireStatement),
          waitForTxId: Number(request.waitForTxId),
          timeoutMs: request.timeoutMs,
          signal,
          user: identity.user,
          requireWrite: () => identity.require(request.database, 'write'),
          acks: ackLevelOf(request.acks),
          key: request.idempotencyKey || undefined,
        });
        return {
          results: answer.results.map(toWireResult),
          txId: BigInt(answer.position.txId),
          term: BigInt(answer.position.term),
          acks: answer.acks,
        };
      },
    ),
  };
}
