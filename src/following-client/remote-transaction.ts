import { QuorateError } from '../errors/interface.ts';
import type { Position } from '../position/interface.ts';
import type { LinkedStream, NodeLink } from './node-link.ts';
import { outcomeOf, sendInside } from './requests.ts';
import type { ClientLimits, Row, SqlParameters, StatementOutcome, Transaction } from './types.ts';
import { AnswerLost } from './wire-error.ts';

interface TransactionOptions {
  readonly limitMs: number;
  readonly limits: ClientLimits;
  readonly bigint: boolean;
}

/** BEGIN … COMMIT on a stream of its own. */
export class RemoteTransaction implements Transaction {
  readonly #stream: LinkedStream;
  readonly #options: TransactionOptions;
  #ended: QuorateError | undefined;

  private constructor(stream: LinkedStream, options: TransactionOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  /** @throws AnswerLost; QuorateError READ_ONLY_REPLICA, DATABASE_LOCKED … Nothing is left of it then. */
  static async begin(link: NodeLink, options: TransactionOptions): Promise<RemoteTransaction> {
    const stream = await link.stream(options.limitMs);
    try {
      await sendInside(stream, { sql: 'BEGIN IMMEDIATE' }, options.limitMs);
      return new RemoteTransaction(stream, options);
    } catch (error) {
      stream.end(false);
      throw error;
    }
  }

  async query<R extends object = Row>(sql: string, parameters?: SqlParameters): Promise<R[]> {
    const { rows } = await this.execute<R>(sql, parameters);
    return rows;
  }

  async execute<R extends object = Row>(sql: string, parameters?: SqlParameters): Promise<StatementOutcome<R>> {
    this.#requireOpen();
    try {
      const { result } = await sendInside(this.#stream, { sql, parameters }, this.#options.limits.attemptTimeoutMs);
      return outcomeOf<R>(result, this.#options.bigint);
    } catch (error) {
      throw error instanceof AnswerLost ? this.#lose(error) : error;
    }
  }

  /** @throws AnswerLost when nobody knows whether it is committed; QuorateError otherwise */
  async commit(key: string | undefined): Promise<Position | undefined> {
    this.#requireOpen();
    this.#ended = new QuorateError('TRANSACTION_CLOSED', 'the transaction has ended');
    let isClean = false;
    try {
      const answer = await sendInside(this.#stream, { sql: 'COMMIT' }, this.#options.limits.attemptTimeoutMs, key);
      isClean = true;
      return answer.receipt.position;
    } finally {
      this.#stream.end(isClean);
    }
  }

  /** Never throws: what is not committed is rolled back by the server when its stream ends. */
  async rollback(): Promise<void> {
    if (this.#ended === undefined) {
      this.#ended = new QuorateError('TRANSACTION_CLOSED', 'the transaction has ended');
      const { attemptTimeoutMs } = this.#options.limits;
      const isClean = await sendInside(this.#stream, { sql: 'ROLLBACK' }, attemptTimeoutMs).then(
        () => true,
        () => false,
      );
      this.#stream.end(isClean);
    }
  }

  #lose({ reason }: AnswerLost): QuorateError {
    this.#ended ??= new QuorateError('UNAVAILABLE', `the transaction was rolled back: ${reason.message}`, {
      cause: reason,
      hint: 'Run it again.',
    });
    this.#stream.end(false);
    return this.#ended;
  }

  #requireOpen(): void {
    if (this.#ended !== undefined) {
      throw this.#ended;
    }
  }
}
