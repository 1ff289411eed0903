import { decodePosition, encodePosition, laterPosition, type Position } from '../position/interface.ts';
import type { Executor } from './executor.ts';
import type {
  BatchResult,
  ExecuteResult,
  QueryOptions,
  Row,
  SqlParameters,
  Statement,
  Transaction,
  WriteOptions,
} from './types.ts';

/**
 * What one user has seen and done: reads of a session show its own writes, and never less than an earlier read of it, on
 * whatever node they run. Its token carries that to another process.
 */
export class Session {
  readonly #executor: Executor;
  #position: Position | undefined;

  /** @throws QuorateError INVALID_ARGUMENT when the token is none */
  constructor(executor: Executor, token?: string) {
    this.#executor = executor;
    this.#position = token === undefined ? undefined : decodePosition(token);
  }

  /** What the session has seen, for `session` of a client anywhere; undefined before it has done anything. */
  token(): string | undefined {
    return this.#position && encodePosition(this.#position);
  }

  /**
   * Reads, on a node that shows what the level asks for.
   * @throws QuorateError SQL_ERROR, READ_ONLY_QUERY, TOO_STALE, WAIT_TIMEOUT, QUERY_TIMEOUT, UNAVAILABLE …
   */
  async query<R extends object = Row>(sql: string, parameters?: SqlParameters, options?: QueryOptions): Promise<R[]> {
    const { rows, position } = await this.#executor.query<R>({ sql, parameters }, options, this.#position);
    this.#saw(position);
    return rows;
  }

  /** The first row, or undefined when there is none. @throws as `query` does */
  async queryOne<R extends object = Row>(
    sql: string,
    parameters?: SqlParameters,
    options?: QueryOptions,
  ): Promise<R | undefined> {
    const [row] = await this.query<R>(sql, parameters, options);
    return row;
  }

  /**
   * Runs one statement as a transaction of its own, on the primary; it is sent again until it is answered.
   * @throws QuorateError SQL_ERROR, CONSTRAINT_VIOLATION, COMMIT_IN_DOUBT, QUORUM_UNAVAILABLE, UNAVAILABLE …
   */
  async execute<R extends object = Row>(
    sql: string,
    parameters?: SqlParameters,
    options?: WriteOptions,
  ): Promise<ExecuteResult<R>> {
    const result = await this.#executor.execute<R>({ sql, parameters }, options);
    this.#sawToken(result.position);
    return result;
  }

  /** Runs several statements as one transaction: all of them or none. @throws as `execute` does */
  async batch(statements: readonly (string | Statement)[], options?: WriteOptions): Promise<BatchResult> {
    const list = statements.map((statement) => (typeof statement === 'string' ? { sql: statement } : statement));
    const result = await this.#executor.batch(list, options);
    this.#sawToken(result.position);
    return result;
  }

  /**
   * Runs `action` in a transaction on the primary: commits when it resolves, rolls back when it throws. It is not repeated:
   * when the primary goes before the commit, nothing of it is left, and the error is retryable.
   * @throws what `action` throws; QuorateError UNAVAILABLE, TRANSACTION_TIMEOUT, COMMIT_IN_DOUBT …
   */
  async transaction<T>(
    action: (tx: Transaction) => Promise<T>,
    options?: Pick<WriteOptions, 'key' | 'timeoutMs' | 'bigint'>,
  ): Promise<T> {
    const { value, position } = await this.#executor.transaction(action, options);
    this.#saw(position);
    return value;
  }

  #sawToken(token: string): void {
    this.#saw(token === '' ? undefined : decodePosition(token));
  }

  #saw(position: Position | undefined): void {
    if (position !== undefined) {
      this.#position = this.#position === undefined ? position : laterPosition(this.#position, position);
    }
  }
}
