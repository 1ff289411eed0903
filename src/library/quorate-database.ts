import { AsyncLocalStorage } from 'node:async_hooks';
import path from 'node:path';
import { attachWriter, decodePosition, encodePosition, SharedPositions, type Writer } from '../database/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import type { Clock } from '../runtime/interface.ts';
import type { ReadConsistency } from '../server/interface.ts';
import { type SqlParameters, type Statement, type StatementResult, splitStatements } from '../sqlite/interface.ts';
import type { HostClient } from './host-client.ts';
import type { Attachment } from './host-messages.ts';
import { handleClosed, LocalReader } from './local-reader.ts';
import { type OpenTransaction, runTransaction } from './open-transaction.ts';
import { parametersNow, statementNow } from './parameters-now.ts';
import { waitForPosition } from './position-wait.ts';
import { rowObjects } from './row-objects.ts';
import type {
  AsyncReadOptions,
  BatchResult,
  Consistency,
  DatabaseStatus,
  ExecuteResult,
  ReadOptions,
  Row,
  Snapshot,
  StatementOutcome,
  Transaction,
  WaitOptions,
  WriteOptions,
} from './types.ts';
import { CountingWriterPort } from './writer-port.ts';

/** Milliseconds that `waitFor` waits unless told otherwise. */
const defaultWaitMs = 10_000;

/** The result of a write whose idempotency key was taken before: it did nothing. */
const repeated: StatementResult = { columns: [], columnTypes: [], rows: [], changes: 0, lastInsertRowid: 0n };

/** What a handle needs to know to open a database. */
export interface DatabaseParts {
  readonly attachment: Attachment;
  readonly host: HostClient;
  readonly clock: Clock;
  readonly onClose: (database: QuorateDatabase) => void;
}

/**
 * A database of this node, as a primary or as a replica. Reads run at once on the calling thread, on a connection of
 * their own; writes go to the writer thread and resolve when they are durable.
 */
export class QuorateDatabase implements AsyncDisposable {
  readonly name: string;
  readonly #host: HostClient;
  readonly #clock: Clock;
  readonly #onClose: (database: QuorateDatabase) => void;
  readonly #port: CountingWriterPort;
  readonly #writer: Writer;
  readonly #reader: LocalReader;
  readonly #positions: SharedPositions;
  /** What runs now because of the function given to `transaction`, also after the transaction has ended. */
  readonly #insideTransaction = new AsyncLocalStorage<OpenTransaction>();
  readonly #transactions = new Set<OpenTransaction>();
  #closing: Promise<void> | undefined;

  /** @throws QuorateError IO_ERROR, DATABASE_CORRUPT when the file cannot be read */
  constructor({ attachment, host, clock, onClose }: DatabaseParts) {
    const { name, directory, port, limits, positions } = attachment;
    this.name = name;
    this.#host = host;
    this.#clock = clock;
    this.#onClose = onClose;
    this.#port = new CountingWriterPort(port, host.liveness);
    this.#port.onClose(() => this.#lose());
    this.#writer = attachWriter({ name, port: this.#port, limits });
    this.#positions = new SharedPositions(positions);
    this.#reader = new LocalReader({ name, directory, positions: this.#positions, clock });
  }

  /**
   * Reads the latest committed state. Prepared statements are kept, so running the same text again is cheap.
   * @throws QuorateError SQL_ERROR, READ_ONLY_QUERY, INTEGER_OUT_OF_RANGE, INVALID_ARGUMENT, QUERY_TIMEOUT
   */
  query<R extends object = Row>(sql: string, parameters?: SqlParameters, options?: ReadOptions): R[] {
    return this.#reader.query<R>(sql, parameters, options);
  }

  /** The first row, or undefined when there is none. @throws as `query` does */
  queryOne<R extends object = Row>(sql: string, parameters?: SqlParameters, options?: ReadOptions): R | undefined {
    return this.#reader.queryOne<R>(sql, parameters, options);
  }

  /**
   * Several reads of one moment: whatever is written meanwhile, they see the same state.
   * @param read must be synchronous
   * @throws QuorateError INVALID_ARGUMENT when `read` returns a promise; and as `query` does
   */
  snapshot<T>(read: (snapshot: Snapshot) => T): T {
    return this.#reader.snapshot(read);
  }

  /**
   * Reads in another process, so that a long query stops neither this thread nor the node, and can be stopped itself; at the
   * level that it asks for.
   * @throws QuorateError TOO_STALE, LEASE_LOST, WRONG_ROLE, WAIT_TIMEOUT, QUERY_TIMEOUT, RESULT_TOO_LARGE, READ_ONLY_QUERY, SQL_ERROR, OVERLOADED …
   */
  async queryAsync<R extends object = Row>(
    sql: string,
    parameters?: SqlParameters,
    { bigint = false, timeoutMs, consistency = 'any' }: AsyncReadOptions = {},
  ): Promise<R[]> {
    this.#requireOpen();
    if (typeof consistency === 'object' && 'position' in consistency) {
      await this.waitFor(consistency.position, { timeoutMs });
    }
    const statement = { sql, parameters: parametersNow(parameters) };
    const request = { name: this.name, statement, bigint, timeoutMs, consistency: nodeLevel(consistency) };
    return rowObjects<R>(await this.#host.request('query', request));
  }

  /**
   * Runs one statement as a transaction of its own; resolves when it is durable and reads see it.
   * @throws QuorateError SQL_ERROR, CONSTRAINT_VIOLATION, READ_ONLY_REPLICA, UNSUPPORTED_STATEMENT, OVERLOADED,
   * TRANSACTION_TOO_LARGE, DISK_FULL, COMMIT_IN_DOUBT …
   */
  async execute<R extends object = Row>(
    sql: string,
    parameters?: SqlParameters,
    options?: WriteOptions,
  ): Promise<ExecuteResult<R>> {
    this.#requireWritable();
    const { results, position, acks } = await this.#writer.transact(
      [{ sql, parameters: parametersNow(parameters) }],
      options,
    );
    return { ...outcome<R>(results[0] ?? repeated), position: encodePosition(position), acks };
  }

  /** Runs several statements as one transaction: all of them or none. @throws as `execute` does */
  async batch(statements: readonly (string | Statement)[], options?: WriteOptions): Promise<BatchResult> {
    this.#requireWritable();
    const full = statements.map(statementNow);
    const { results, position, acks } = await this.#writer.transact(full, options);
    return { results: results.map((result) => outcome(result)), position: encodePosition(position), acks };
  }

  /** Runs a text of several statements, such as a schema, as one transaction. @throws as `execute` does */
  async executeScript(sql: string): Promise<BatchResult> {
    return await this.batch(splitStatements(sql));
  }

  /**
   * Runs `action` in a transaction that holds the writer: commits when it resolves, rolls back when it throws. Resolves
   * to what `action` gave, when the transaction is durable and reads see it.
   * @throws what `action` throws; QuorateError TRANSACTION_TIMEOUT, READ_ONLY_REPLICA, COMMIT_IN_DOUBT …
   */
  async transaction<T>(action: (tx: Transaction) => Promise<T>): Promise<T> {
    this.#requireWritable();
    return await runTransaction(this.#writer, this.#transactions, (tx) => this.#insideTransaction.run(tx, action, tx));
  }

  /** Token of what reads on this node see now. Give it to `waitFor` on a replica to read what was written here. */
  position(): string {
    const { term, applied } = this.#positions.read();
    return encodePosition({ term, txId: applied });
  }

  /**
   * Resolves when reads on this node see the transaction of a token, from whatever node the token is.
   * @throws QuorateError WAIT_TIMEOUT, CANCELLED, INVALID_ARGUMENT when it is no token
   */
  async waitFor(token: string, { timeoutMs = defaultWaitMs, signal }: WaitOptions = {}): Promise<void> {
    this.#requireOpen();
    const { txId } = decodePosition(token);
    const wait = waitForPosition(this.#positions, { name: this.name, txId, timeoutMs, signal, clock: this.#clock });
    await this.#host.liveness.during(wait);
  }

  /** Role, positions, lag, and who follows. */
  async status(): Promise<DatabaseStatus> {
    this.#requireOpen();
    const [status] = await this.#host.request('status', { name: this.name });
    return status as DatabaseStatus;
  }

  /**
   * Writes a plain SQLite file with the content of one moment, while others read and write.
   * @returns the token of that moment
   * @throws QuorateError IO_ERROR, DISK_FULL
   */
  async exportTo(file: string): Promise<string> {
    this.#requireOpen();
    return await this.#host.request('export', { name: this.name, path: path.resolve(file) });
  }

  /**
   * SHA-256 (in hexadecimal) over all content: nodes with equal digests at equal positions hold the same data. Reads the
   * whole database, on a thread of its own.
   */
  async digest(): Promise<{ readonly position: string; readonly digest: string }> {
    this.#requireOpen();
    return await this.#host.request('digest', { name: this.name });
  }

  /** Rolls open transactions back, waits for all other writes and closes this handle; the database goes on in its node. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#transactions].map((transaction) => transaction.rollback()));
    await this.#port.drained();
    this.#port.close();
    this.#lose();
  }

  /** The writer has ended: the database was closed or deleted, and what its file says now means nothing any more. */
  #lose(): void {
    this.#reader.close();
    this.#onClose(this);
  }

  #requireOpen(): void {
    if (this.#closing !== undefined) {
      throw handleClosed(this.name);
    }
    this.#reader.requireOpen();
  }

  /** A write that waits for the transaction around it would wait until that one has timed out. */
  #requireWritable(): void {
    this.#requireOpen();
    const around = this.#insideTransaction.getStore();
    if (around !== undefined && this.#transactions.has(around)) {
      throw new QuorateError('INVALID_ARGUMENT', 'a write of its own was asked for inside a transaction', {
        hint: 'Use the methods of the transaction that was given to the function.',
      });
    }
  }
}

function outcome<R extends object = Row>(result: StatementResult): StatementOutcome<R> {
  const { changes, lastInsertRowid } = result;
  return { changes, lastInsertRowid, rows: rowObjects<R>(result) };
}

/** What the node has to see to; undefined when that is nothing. */
function nodeLevel(consistency: Consistency): ReadConsistency | undefined {
  if (typeof consistency === 'object') {
    return 'position' in consistency ? undefined : { level: 'bounded', ...consistency };
  }
  return consistency === 'linearizable' ? { level: 'linearizable' } : undefined;
}
