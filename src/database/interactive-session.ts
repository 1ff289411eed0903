import { asQuorateError, QuorateError } from '../errors/interface.ts';
import type { Timer, Timers } from '../runtime/interface.ts';
import type { KeyedTransaction, PrimaryConnection, Statement, StatementDescription } from '../sqlite/interface.ts';
import type { DatabaseLimits } from './limits.ts';
import type { PendingTransaction } from './pending-transaction.ts';
import type { PrimaryPipeline } from './primary-pipeline.ts';
import { type CompactResult, compactResult } from './writer-messages.ts';

export interface InteractiveSessionOptions {
  readonly id: number;
  readonly connection: PrimaryConnection;
  readonly foreignKeys: boolean;
  readonly pipeline: PrimaryPipeline;
  readonly timers: Timers;
  readonly limits: Pick<DatabaseLimits, 'transactionIdleTimeoutMs' | 'transactionTotalTimeoutMs'>;
  /** Called once, when the writer is free again. */
  readonly onEnd: (reason: QuorateError | undefined) => void;
}

/** One BEGIN … COMMIT over several requests. While it is open it has the writer for itself. */
export class InteractiveSession {
  readonly id: number;
  readonly #options: InteractiveSessionOptions;
  readonly #totalTimer: Timer;
  #idleTimer: Timer;
  #ended = false;

  constructor(options: InteractiveSessionOptions) {
    this.id = options.id;
    this.#options = options;
    options.connection.begin({ foreignKeys: options.foreignKeys });
    options.connection.beginClient();
    this.#totalTimer = this.#limit('total', options.limits.transactionTotalTimeoutMs);
    this.#idleTimer = this.#limit('idle', options.limits.transactionIdleTimeoutMs);
  }

  #limit(name: 'idle' | 'total', limitMs: number): Timer {
    return this.#options.timers.after(limitMs, () => {
      this.abort(
        new QuorateError(
          'TRANSACTION_TIMEOUT',
          `the transaction passed its ${name} time limit of ${limitMs} ms and was rolled back`,
          {
            hint: `Keep transactions short, or raise transaction-${name}-timeout.`,
            details: { limitMs },
          },
        ),
      );
    });
  }

  /** Runs a statement; one that fails leaves no trace, and the transaction goes on. */
  run(statement: Statement, bigint: boolean): CompactResult {
    return this.#work((connection) => compactResult(connection.run(statement, { bigint })));
  }

  /** Tells what a statement would return. */
  describe(sql: string): StatementDescription {
    return this.#work((connection) => connection.describe(sql));
  }

  #work<Result>(action: (connection: PrimaryConnection) => Result): Result {
    const { connection } = this.#options;
    this.#idleTimer.cancel();
    try {
      return action(connection);
    } catch (error) {
      if (!connection.inTransaction) {
        this.#finish(
          new QuorateError('TRANSACTION_CLOSED', 'the statement rolled the whole transaction back', { cause: error }),
        );
      }
      throw error;
    } finally {
      if (!this.#ended) {
        this.#idleTimer = this.#limit('idle', this.#options.limits.transactionIdleTimeoutMs);
      }
    }
  }

  commit(reply: Pick<PendingTransaction, 'succeed' | 'fail' | 'acks' | 'key' | 'trace'>): void {
    const { connection, pipeline } = this.#options;
    try {
      const captured = connection.endClient(this.#keyed(reply.key));
      pipeline.commitAlone(captured, reply);
      this.#finish(undefined);
    } catch (error) {
      const failure = asQuorateError(error);
      this.abort(failure);
      reply.fail(failure);
    }
  }

  /** @throws QuorateError TRANSACTION_CLOSED when another transaction has taken the key */
  #keyed(key: string | undefined): KeyedTransaction | undefined {
    if (key === undefined) {
      return undefined;
    }
    const { connection, pipeline } = this.#options;
    const next = pipeline.recordAfter();
    const earlier = connection.findKey(key, next.timeMs);
    if (earlier !== undefined) {
      const message = `transaction ${earlier.txId} has taken the idempotency key of this one, which was rolled back`;
      throw new QuorateError('TRANSACTION_CLOSED', message, { details: { txId: earlier.txId } });
    }
    return { key, ...next };
  }

  /** Rolls back; `reason` is what later requests of this transaction are told. */
  abort(reason: QuorateError | undefined): void {
    const { connection } = this.#options;
    if (this.#ended) {
      return;
    }
    if (connection.inTransaction) {
      connection.abortClient();
      connection.rollback();
    }
    this.#finish(reason);
  }

  #finish(reason: QuorateError | undefined): void {
    this.#ended = true;
    this.#idleTimer.cancel();
    this.#totalTimer.cancel();
    this.#options.onEnd(reason);
  }
}
