import { type NodeClient, RemoteTransaction } from '../../client/interface.ts';
import { asQuorateError, type ErrorCode, QuorateError } from '../../errors/interface.ts';
import { readStatements, type Statement, type StatementResult } from '../../sqlite/interface.ts';

/** What a statement does to the transaction of a shell. */
export type TransactionWord = 'begin' | 'commit' | 'rollback';

/** BEGIN, COMMIT, END and ROLLBACK; ROLLBACK TO is a statement like others. */
export function transactionWord(sql: string): TransactionWord | undefined {
  const action = readStatements(sql)[0]?.command?.action;
  return action === 'begin' || action === 'commit' || action === 'rollback' ? action : undefined;
}

/** Errors after which the server has nothing of the transaction left. */
const ends = new Set<ErrorCode>([
  'TRANSACTION_CLOSED',
  'TRANSACTION_TIMEOUT',
  'CANCELLED',
  'UNAVAILABLE',
  'PROTOCOL_ERROR',
  'PERMISSION_DENIED',
  'UNAUTHENTICATED',
]);

/**
 * The transaction between BEGIN and COMMIT. One that was lost stays until somebody ends it: otherwise the statements that were
 * meant for it would each take effect on their own.
 */
export class ShellTransaction {
  #open: RemoteTransaction | undefined;
  #lost: QuorateError | undefined;

  get state(): 'none' | 'open' | 'lost' {
    if (this.#open === undefined) {
      return 'none';
    }
    return this.#lost === undefined ? 'open' : 'lost';
  }

  /** @throws QuorateError INVALID_ARGUMENT inside a transaction; READ_ONLY_REPLICA, PERMISSION_DENIED … */
  async begin(client: NodeClient, database: string): Promise<void> {
    if (this.#open !== undefined) {
      throw new QuorateError('INVALID_ARGUMENT', 'a transaction is open already', {
        hint: 'End it with COMMIT; or ROLLBACK; first, or use SAVEPOINT inside it.',
      });
    }
    this.#open = await RemoteTransaction.begin({ client }, database);
  }

  /** @throws QuorateError TRANSACTION_CLOSED when it was lost; COMMIT_IN_DOUBT … */
  async commit(): Promise<void> {
    using transaction = this.#require('COMMIT');
    if (this.#lost !== undefined) {
      const error = wasLost(this.#lost, 'Nothing of it was committed; run it again from its BEGIN.');
      this.abandon();
      throw error;
    }
    this.#open = undefined;
    await transaction.commit();
  }

  async rollback(): Promise<void> {
    using transaction = this.#require('ROLLBACK');
    if (this.#lost !== undefined) {
      return this.abandon();
    }
    this.#open = undefined;
    await transaction.rollback();
  }

  /** Runs a statement in it. An abort gives the whole transaction up, since the server cannot stop a statement that writes. */
  async run(statement: Statement, signal: AbortSignal): Promise<StatementResult> {
    const transaction = this.#require('this statement');
    if (this.#lost !== undefined) {
      throw wasLost(this.#lost, 'Type ROLLBACK; to go on without it.');
    }
    try {
      return await Promise.race([transaction.run(statement), cancelled(signal)]);
    } catch (thrown) {
      const error = asQuorateError(thrown);
      if (signal.aborted) {
        transaction[Symbol.dispose]();
      }
      this.#lost = ends.has(error.code) ? error : undefined;
      throw error;
    }
  }

  /** Gives up what is open, without waiting for the server. */
  abandon(): void {
    this.#open?.[Symbol.dispose]();
    this.#open = undefined;
    this.#lost = undefined;
  }

  #require(what: string): RemoteTransaction {
    if (this.#open === undefined) {
      throw new QuorateError('TRANSACTION_CLOSED', `no transaction is open for ${what}`, {
        hint: 'Begin one with BEGIN;',
      });
    }
    return this.#open;
  }
}

function wasLost(cause: QuorateError, hint: string): QuorateError {
  return new QuorateError('TRANSACTION_CLOSED', `the transaction was rolled back: ${cause.message}`, { cause, hint });
}

function cancelled(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const cancel = () => reject(new QuorateError('CANCELLED', 'cancelled, and the transaction rolled back'));
    signal.addEventListener('abort', cancel, { once: true });
  });
}
