import type {
  AckLevel,
  BeginOptions,
  InteractiveTransaction,
  TransactOptions,
  TransactResult,
  Writer,
} from '../database/interface.ts';
import { isQuorateError, QuorateError } from '../errors/interface.ts';
import type { AckLevel as WireAckLevel } from '../proto/interface.ts';
import type { Statement } from '../sqlite/interface.ts';
import type { NodeClient } from './node-client.ts';
import { RemoteTransaction } from './remote-transaction.ts';
import { fromWireStatementResult } from './value-codec.ts';

/** Opens a connection to where the writes go, and tells the name of the database there. */
export type Connect = () => Promise<{ readonly client: NodeClient; readonly database: string }>;

/** The writer of a database on another node. */
export class RemoteWriter implements Writer {
  readonly #connect: Connect;
  readonly #onError: (error: unknown) => void;
  readonly #gone: AbortSignal | undefined;

  /**
   * @param onError is told of every error, before the caller is
   * @param gone aborted when nobody is there any more who could answer: what was sent is in doubt then
   */
  constructor(connect: Connect, onError: (error: unknown) => void, gone?: AbortSignal) {
    this.#connect = connect;
    this.#onError = onError;
    this.#gone = gone;
  }

  async transact(statements: readonly Statement[], { acks, key }: TransactOptions = {}): Promise<TransactResult> {
    const connected = await this.#reach();
    using client = connected.client;
    try {
      const answer = await client.transact(connected.database, statements, {
        acks: wireLevel(acks),
        key,
        signal: this.#gone,
      });
      const position = { txId: Number(answer.txId), term: Number(answer.term) };
      return { results: answer.results.map(fromWireStatementResult), position, acks: answer.acks };
    } catch (error) {
      this.#onError(error);
      throw isQuorateError(error) && isLost(error) ? inDoubt(error) : error;
    }
  }

  async begin(options: BeginOptions = {}): Promise<InteractiveTransaction> {
    const { client, database } = await this.#reach();
    const connection = { client, gone: this.#gone, onEnd: () => client[Symbol.dispose]() };
    try {
      return await RemoteTransaction.begin(connection, database, options);
    } catch (error) {
      this.#onError(error);
      throw this.#gone?.aborted === true ? unreachable(error) : error;
    }
  }

  /** @throws QuorateError UNAVAILABLE when nobody is there any more */
  async #reach(): ReturnType<Connect> {
    const connecting = this.#connect();
    const { promise, reject } = Promise.withResolvers<never>();
    const giveUp = () => {
      reject(unreachable(undefined));
      void connecting.then(({ client }) => client[Symbol.dispose]()).catch(() => {});
    };
    this.#gone?.addEventListener('abort', giveUp, { once: true });
    if (this.#gone?.aborted === true) {
      giveUp();
    }
    try {
      return await Promise.race([connecting, promise]);
    } finally {
      this.#gone?.removeEventListener('abort', giveUp);
    }
  }
}

function wireLevel(level: AckLevel | undefined): WireAckLevel | undefined {
  return level && { level: level.kind, acks: 'acks' in level ? level.acks : 0 };
}

/** Whether the answer is lost of a write that may have arrived. gRPC says so of calls that never left this node. */
function isLost({ code, message }: QuorateError): boolean {
  return code === 'CANCELLED' || (code === 'UNAVAILABLE' && !message.includes('No connection established'));
}

function unreachable(cause: unknown): QuorateError {
  return new QuorateError('UNAVAILABLE', 'the primary is gone', {
    cause,
    hint: 'Try again when another has taken its place.',
  });
}

/** The connection broke after the write may have arrived. */
function inDoubt(cause: QuorateError): QuorateError {
  return new QuorateError('COMMIT_IN_DOUBT', `the primary did not say what became of the write: ${cause.message}`, {
    cause,
    hint: 'Read the data before you write it again, or send the write with an idempotency key.',
  });
}
