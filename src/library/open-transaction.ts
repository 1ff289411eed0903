import type { InteractiveTransaction, Writer } from '../database/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import type { SqlParameters } from '../sqlite/interface.ts';
import { parametersNow } from './parameters-now.ts';
import { rowObjects } from './row-objects.ts';
import type { IntegerOptions, Row, StatementOutcome, Transaction } from './types.ts';

/** A transaction with what its owner needs to end it. */
export class OpenTransaction implements Transaction {
  readonly #session: InteractiveTransaction;
  #ended = false;

  constructor(session: InteractiveTransaction) {
    this.#session = session;
  }

  async query<R extends object = Row>(sql: string, parameters?: SqlParameters, options?: IntegerOptions): Promise<R[]> {
    return (await this.execute<R>(sql, parameters, options)).rows;
  }

  async queryOne<R extends object = Row>(
    sql: string,
    parameters?: SqlParameters,
    options?: IntegerOptions,
  ): Promise<R | undefined> {
    return (await this.query<R>(sql, parameters, options))[0];
  }

  async execute<R extends object = Row>(
    sql: string,
    parameters?: SqlParameters,
    options: IntegerOptions = {},
  ): Promise<StatementOutcome<R>> {
    if (this.#ended) {
      throw new QuorateError('TRANSACTION_CLOSED', 'the transaction has ended already', {
        hint: 'Await every call before the function given to transaction() returns.',
      });
    }
    const result = await this.#session.run({ sql, parameters: parametersNow(parameters) }, options);
    const { changes, lastInsertRowid } = result;
    return { changes, lastInsertRowid, rows: rowObjects<R>(result) };
  }

  /** Makes it durable. @throws QuorateError TRANSACTION_TIMEOUT, TRANSACTION_CLOSED, COMMIT_IN_DOUBT … */
  async commit(): Promise<void> {
    this.#ended = true;
    await this.#session.commit();
  }

  /** Takes everything back; one that has ended by itself is taken back already. */
  async rollback(): Promise<void> {
    this.#ended = true;
    await this.#session.rollback().catch(() => {});
  }
}

/**
 * Runs `action` in a transaction of its own: commits when it resolves, rolls back when it throws.
 * @param open has the transaction in it while `action` runs
 */
export async function runTransaction<T>(
  writer: Writer,
  open: Set<OpenTransaction>,
  action: (tx: OpenTransaction) => Promise<T>,
): Promise<T> {
  const transaction = new OpenTransaction(await writer.begin());
  open.add(transaction);
  try {
    const value = await action(transaction);
    await transaction.commit();
    return value;
  } catch (error) {
    await transaction.rollback();
    throw error;
  } finally {
    open.delete(transaction);
  }
}
