import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import type { BeginOptions, InteractiveTransaction, Position } from '../database/interface.ts';
import { QuorateError, type SerializedError } from '../errors/interface.ts';
import type { TransactionRequest, TransactionResponse } from '../proto/interface.ts';
import { errorFromGrpc } from '../replication/interface.ts';
import type { Statement, StatementDescription, StatementResult } from '../sqlite/interface.ts';
import type { NodeClient } from './node-client.ts';
import { fromWireStatementResult, toWireStatement } from './value-codec.ts';

type Answer = NonNullable<TransactionResponse['response']>;

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: QuorateError) => void;
}

export interface TransactionConnection {
  readonly client: NodeClient;
  /** Aborted when nobody is there any more who could answer. */
  readonly gone?: AbortSignal | undefined;
  /** Called once, when the client is not needed any more. */
  readonly onEnd?: () => void;
}

/** An interactive transaction on another node. Answers come in the order of the requests. */
export class RemoteTransaction implements InteractiveTransaction, Disposable {
  readonly #call: ClientDuplexStream<TransactionRequest, TransactionResponse>;
  readonly #waiting: Waiting[] = [];
  #failure: QuorateError | undefined;

  private constructor({ client, gone, onEnd }: TransactionConnection) {
    this.#call = client.openTransaction();
    const cancel = () => this.#call.cancel();
    gone?.addEventListener('abort', cancel, { once: true });
    this.#call.on('data', (response: TransactionResponse) => this.#receive(response));
    this.#call.on('error', (error) => this.#fail(errorFromGrpc(error as ServiceError)));
    this.#call.on('end', () => this.#fail(new QuorateError('TRANSACTION_CLOSED', 'the transaction has ended')));
    this.#call.once('close', () => {
      gone?.removeEventListener('abort', cancel);
      onEnd?.();
    });
  }

  static async begin(
    connection: TransactionConnection,
    database: string,
    { foreignKeys = true }: BeginOptions = {},
  ): Promise<RemoteTransaction> {
    const transaction = new RemoteTransaction(connection);
    const begin = { database, foreignKeysOff: !foreignKeys };
    try {
      await transaction.#ask({ $case: 'begin', value: begin });
      return transaction;
    } catch (error) {
      transaction.#call.cancel();
      throw error;
    }
  }

  async run(statement: Statement): Promise<StatementResult> {
    return await this.#result({ $case: 'run', value: toWireStatement(statement) });
  }

  async describe(sql: string): Promise<StatementDescription> {
    return await this.#result({ $case: 'describe', value: sql });
  }

  async commit(key?: string): Promise<Position> {
    const request = key === undefined ? ({ $case: 'commit', value: true } as const) : keyedCommit(key);
    const answer = await this.#askLast(request, 'COMMIT_IN_DOUBT');
    return answer.$case === 'done'
      ? { txId: Number(answer.value.txId), term: Number(answer.value.term) }
      : unexpected(answer);
  }

  async rollback(): Promise<void> {
    await this.#askLast({ $case: 'rollback', value: true });
  }

  /** Waits for nothing more; what is not committed is rolled back as soon as what runs has ended. */
  [Symbol.dispose](): void {
    this.#call.cancel();
  }

  async #result(request: NonNullable<TransactionRequest['request']>): Promise<StatementResult> {
    const answer = await this.#ask(request);
    return answer.$case === 'result' ? fromWireStatementResult(answer.value) : unexpected(answer);
  }

  /** Nothing goes on after it, even if it fails. */
  async #askLast(request: NonNullable<TransactionRequest['request']>, lost?: 'COMMIT_IN_DOUBT'): Promise<Answer> {
    try {
      return await this.#ask(request, lost);
    } finally {
      this.#call.end();
    }
  }

  /** @param lost the code for an answer that never came, where that of the connection would say too little */
  #ask(request: NonNullable<TransactionRequest['request']>, lost?: 'COMMIT_IN_DOUBT'): Promise<Answer> {
    if (this.#failure !== undefined) {
      return Promise.reject(this.#failure);
    }
    return new Promise((resolve, reject) => {
      const fail = (error: QuorateError) => reject(lost === undefined ? error : inDoubt(error));
      this.#waiting.push({
        resolve: (answer) => (answer.$case === 'errorJson' ? reject(sentError(answer.value)) : resolve(answer)),
        reject: fail,
      });
      this.#call.write({ request });
    });
  }

  #receive({ response }: TransactionResponse): void {
    if (response !== undefined) {
      this.#waiting.shift()?.resolve(response);
    }
  }

  #fail(error: QuorateError): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.splice(0)) {
      reject(error);
    }
  }
}

function keyedCommit(key: string) {
  return { $case: 'keyedCommit', value: key } as const;
}

function sentError(json: string): QuorateError {
  return QuorateError.deserialize(JSON.parse(json) as SerializedError);
}

function inDoubt(cause: QuorateError): QuorateError {
  return new QuorateError('COMMIT_IN_DOUBT', `the primary did not say what became of the commit: ${cause.message}`, {
    cause,
    hint: 'Read the data, or ask for the outcome, before you write it again.',
  });
}

function unexpected({ $case }: Answer): never {
  throw new QuorateError('PROTOCOL_ERROR', `the primary answered with ${$case}, which was not asked for`);
}
