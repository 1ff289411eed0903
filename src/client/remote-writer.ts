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

  /** @param onError is told of every error, before the caller is */
  constructor(connect: Connect, onError: (error: unknown) => void) {
    this.#connect = connect;
    this.#onError = onError;
  }

  async transact(
    statements: readonly Statement[],
    { acks, key, signal }: TransactOptions = {},
  ): Promise<TransactResult> {
    const connected = await this.#connect();
    using client = connected.client;
    try {
      const answer = await client.transact(connected.database, statements, { acks: wireLevel(acks), key, signal });
      const position = { txId: Number(answer.txId), term: Number(answer.term) };
      return { results: answer.results.map(fromWireStatementResult), position, acks: answer.acks };
    } catch (error) {
      this.#onError(error);
      throw isQuorateError(error) && isBroken(error) ? inDoubt(error) : error;
    }
  }

  async begin(options: BeginOptions = {}): Promise<InteractiveTransaction> {
    const { client, database } = await this.#connect();
    try {
      return await RemoteTransaction.begin(client, database, options, () => client[Symbol.dispose]());
    } catch (error) {
      this.#onError(error);
      throw error;
    }
  }
}

function wireLevel(level: AckLevel | undefined): WireAckLevel | undefined {
  return level && { level: level.kind, acks: 'acks' in level ? level.acks : 0 };
}

/** Whether the write may have arrived although its answer did not; of calls that never left this node gRPC says so. */
function isBroken({ code, message }: QuorateError): boolean {
  return code === 'CANCELLED' || (code === 'UNAVAILABLE' && !message.includes('No connection established'));
}

/** The connection broke after the write may have arrived. */
function inDoubt(cause: QuorateError): QuorateError {
  return new QuorateError('COMMIT_IN_DOUBT', `the primary did not say what became of the write: ${cause.message}`, {
    cause,
    hint: 'Read the data before you write it again, or send the write with an idempotency key.',
  });
}
