import type { ServerDuplexStream } from '@grpc/grpc-js';
import { fromWireStatement, toWireResult } from '../../client/interface.ts';
import type { InteractiveTransaction } from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import type { QueryServer, TransactionBegin, TransactionRequest, TransactionResponse } from '../../proto/interface.ts';
import { type Span, tracing } from '../../tracing/interface.ts';
import { refuseSystemDatabase } from '../node/node.ts';
import { writerOf } from '../node/writers.ts';
import { noteFailure, type RpcContext } from './rpc.ts';
import { rpcSpan } from './rpc-span.ts';
import { ServerChannel, serveStream } from './server-channel.ts';

type Request = NonNullable<TransactionRequest['request']>;
type Response = NonNullable<TransactionResponse['response']>;

type Channel = ServerChannel<Response, TransactionResponse>;

/** Requests that wait while one of the same transaction runs; a client that sends more does not wait for answers. */
const maxWaiting = 100;

/** One interactive transaction over gRPC. */
class TransactionStream {
  readonly #context: RpcContext;
  readonly #channel: Channel;
  readonly #span: Span | undefined;
  #transaction: InteractiveTransaction | undefined;
  #tail: Promise<void> = Promise.resolve();
  #waiting = 0;

  /** @param span of the whole transaction */
  constructor(context: RpcContext, channel: Channel, span: Span | undefined) {
    this.#context = context;
    this.#channel = channel;
    this.#span = span;
  }

  /** @throws QuorateError OVERLOADED, PERMISSION_DENIED */
  accept(request: Request): void {
    if (this.#waiting >= maxWaiting) {
      throw new QuorateError('OVERLOADED', `${maxWaiting} requests of this transaction wait already`);
    }
    if (request.$case === 'begin') {
      refuseSystemDatabase(request.value.database);
      this.#channel.require(request.value.database, 'write');
      this.#span?.set({ 'db.namespace': request.value.database });
    }
    this.#waiting += 1;
    const answer = () => this.#answer(request);
    this.#tail = this.#tail.then(() => this.#span?.run(answer) ?? answer());
  }

  async #answer(request: Request): Promise<void> {
    try {
      this.#channel.send(await this.#run(request));
    } catch (error) {
      this.#channel.send({ $case: 'errorJson', value: JSON.stringify(noteFailure(this.#context, error).serialize()) });
    } finally {
      this.#waiting -= 1;
    }
  }

  async #run(request: Request): Promise<Response> {
    if (request.$case === 'begin') {
      this.#transaction = await this.#begin(request.value);
      return done();
    }
    const transaction = this.#transaction;
    if (transaction === undefined) {
      throw new QuorateError('PROTOCOL_ERROR', 'the first request of a transaction must be begin');
    }
    switch (request.$case) {
      case 'run': {
        const result = await transaction.run(fromWireStatement(request.value), { bigint: true });
        return { $case: 'result', value: toWireResult(result) };
      }
      case 'describe': {
        const described = await transaction.describe(request.value);
        return { $case: 'result', value: toWireResult({ ...described, rows: [], changes: 0, lastInsertRowid: 0n }) };
      }
      case 'commit':
        return done(await transaction.commit());
      case 'keyedCommit':
        return done(await transaction.commit(request.value));
      case 'rollback':
        await transaction.rollback();
        return done();
    }
  }

  async #begin({ database, foreignKeysOff }: TransactionBegin): Promise<InteractiveTransaction> {
    if (this.#transaction !== undefined) {
      throw new QuorateError('PROTOCOL_ERROR', 'a stream has one transaction');
    }
    const { node } = this.#context;
    return await writerOf(node, node.databases.require(database), this.#channel.user).begin({
      foreignKeys: !foreignKeysOff,
    });
  }

  /** Rolls back what is open, after what runs. */
  close(): void {
    this.#tail = this.#tail
      .then(() => this.#transaction?.rollback())
      // It has ended already.
      .catch(() => {})
      .finally(() => this.#span?.end());
  }
}

function done(position: { readonly txId: number; readonly term: number } = { txId: 0, term: 0 }): Response {
  return { $case: 'done', value: { txId: BigInt(position.txId), term: BigInt(position.term) } };
}

/** An interactive transaction of an authorized caller. */
export function transactionRpc(context: RpcContext): QueryServer['transaction'] {
  return (call: ServerDuplexStream<TransactionRequest, TransactionResponse>) => {
    const channel: Channel = new ServerChannel(context, call, (response) => ({ response }));
    const stream = new TransactionStream(context, channel, tracing()?.begin(rpcSpan(call)));
    serveStream<TransactionRequest, TransactionResponse>(call, channel, {
      onMessage: ({ request }) => (request === undefined ? undefined : stream.accept(request)),
      onDrain: () => {},
      onEnd: () => stream.close(),
    });
  };
}
