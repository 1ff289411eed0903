import type { Transferable } from 'node:worker_threads';
import { assertInvariant, QuorateError, type SerializedError } from '../errors/interface.ts';
import type { SqlValue, Statement, StatementResult } from '../sqlite/interface.ts';
import { inSpan, type Span } from '../tracing/interface.ts';
import type { DatabaseLimits } from './limits.ts';
import type {
  BeginOptions,
  InteractiveTransaction,
  Position,
  TransactOptions,
  TransactResult,
  Writer,
} from './types.ts';
import { leaseEnded } from './write-errors.ts';
import { describeWrite, traceOf, writeSpan } from './write-trace.ts';
import {
  type CompactResult,
  expandResult,
  type TransactValue,
  type WriterPort,
  type WriterReply,
  type WriterRequest,
} from './writer-messages.ts';

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: QuorateError) => void;
  readonly sizeBytes: number;
  /** Whether the request may have committed something although no answer came. */
  readonly writes: boolean;
}

/** Rough size of what a statement keeps in memory while it waits. */
function statementBytes(statement: Statement): number {
  let size = statement.sql.length + 64;
  const values: readonly SqlValue[] = Array.isArray(statement.parameters)
    ? statement.parameters
    : Object.values(statement.parameters ?? {});
  for (const value of values) {
    size += typeof value === 'string' || value instanceof Uint8Array ? value.length : 8;
  }
  return size;
}

function inDoubt(cause: QuorateError): QuorateError {
  return new QuorateError(
    'COMMIT_IN_DOUBT',
    'the writer stopped before it answered; the write may have been committed',
    {
      cause,
      hint: 'Read the data after the database is open again to see whether the write took effect.',
    },
  );
}

/**
 * The near end of a channel to a writer thread. Requests made in one turn of the event loop travel in one message, and
 * what waits for an answer is bounded by number and by bytes.
 */
export class WriterClient implements Writer {
  readonly #port: WriterPort;
  readonly #limits: Pick<DatabaseLimits, 'writerQueueLimit' | 'writerQueueBytes'>;
  readonly #database: string;
  readonly #waiting = new Map<number, Waiting>();
  #outgoing: WriterRequest[] = [];
  #transfer: Transferable[] = [];
  #nextId = 1;
  #waitingBytes = 0;
  #closed: QuorateError | undefined;
  #mayAnswer: () => boolean = () => true;

  /** @param database its name, for spans */
  constructor(
    port: WriterPort,
    limits: Pick<DatabaseLimits, 'writerQueueLimit' | 'writerQueueBytes'>,
    database: string,
  ) {
    this.#port = port;
    this.#limits = limits;
    this.#database = database;
    port.onClose(() => this.fail(new QuorateError('CANCELLED', 'the writer of this database has stopped')));
  }

  /** Where it says no, a write that succeeded is in doubt: this thread may have been stopped since the writer answered. */
  answerOnlyWhile(mayAnswer: () => boolean): void {
    this.#mayAnswer = mayAnswer;
  }

  /** Requests that wait for an answer. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** Rough size of them in memory. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Whether the writer has ended or was given up. */
  get hasFailed(): boolean {
    return this.#closed !== undefined;
  }

  transact(statements: readonly Statement[], options: TransactOptions = {}): Promise<TransactResult> {
    return inSpan(
      () => writeSpan(this.#database),
      (span) => this.#transact(statements, options, span),
    );
  }

  async #transact(
    statements: readonly Statement[],
    { bigint = false, acks: level, key }: TransactOptions,
    span: Span | undefined,
  ): Promise<TransactResult> {
    let size = 0;
    for (const statement of statements) {
      size += statementBytes(statement);
    }
    const trace = traceOf(span);
    const isPlain = level === undefined && key === undefined && trace === undefined;
    const wishes = isPlain ? undefined : { acks: level, key, trace };
    const [term, txId, results, acks, parts = []] = await this.request<TransactValue>(
      (id) =>
        wishes === undefined ? ['transact', id, statements, bigint] : ['transact', id, statements, bigint, wishes],
      size,
    );
    if (span !== undefined) {
      describeWrite(span, { term, txId, acks, parts });
    }
    return { results: results.map(expandResult), position: { term, txId }, acks };
  }

  async begin({ foreignKeys = true }: BeginOptions = {}): Promise<InteractiveTransaction> {
    const transaction = await this.request<number>((id) => ['begin', id, foreignKeys]);
    return {
      run: (statement, options = {}) => this.#run(transaction, statement, options),
      describe: (sql) => this.request((id) => ['describe', id, transaction, sql], sql.length),
      commit: (key) =>
        inSpan(
          () => writeSpan(this.#database),
          (span) => this.#commit(transaction, key, span),
        ),
      rollback: () => this.request((id) => ['rollback', id, transaction]),
    };
  }

  async #run(transaction: number, statement: Statement, options: TransactOptions): Promise<StatementResult> {
    const compact = await this.request<CompactResult>(
      (id) => ['run', id, transaction, statement, options.bigint ?? false],
      statementBytes(statement),
    );
    return expandResult(compact);
  }

  async #commit(transaction: number, key: string | undefined, span: Span | undefined): Promise<Position> {
    const trace = traceOf(span);
    const [term, txId, , acks, parts = []] = await this.request<TransactValue>((id) =>
      trace === undefined && key === undefined
        ? ['commit', id, transaction]
        : ['commit', id, transaction, { key, trace }],
    );
    if (span !== undefined) {
      describeWrite(span, { term, txId, acks, parts });
    }
    return { term, txId };
  }

  /** Sends any request; `transfer` names buffers that move instead of being copied. */
  request<T>(make: (id: number) => WriterRequest, sizeBytes = 0, transfer?: Transferable): Promise<T> {
    const refused = this.#closed ?? this.#overload(sizeBytes);
    if (refused !== undefined) {
      return Promise.reject(refused);
    }
    const id = this.#nextId;
    this.#nextId += 1;
    const request = make(id);
    this.#enqueue(request, transfer);
    this.#waitingBytes += sizeBytes;
    const writes = request[0] === 'transact' || request[0] === 'commit';
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: never) => void, reject, sizeBytes, writes });
    });
  }

  /** Sends what nobody waits for; it is lost when the writer has stopped. */
  tell(request: WriterRequest): void {
    this.#enqueue(request, undefined);
  }

  #overload(sizeBytes: number): QuorateError | undefined {
    const { writerQueueLimit, writerQueueBytes } = this.#limits;
    const tooMany = this.#waiting.size >= writerQueueLimit;
    if (!tooMany && (this.#waitingBytes === 0 || this.#waitingBytes + sizeBytes <= writerQueueBytes)) {
      return undefined;
    }
    const limit = tooMany ? `${writerQueueLimit} requests` : `${writerQueueBytes} bytes`;
    return new QuorateError('OVERLOADED', `the writer queue is full (${limit})`, {
      hint: 'Send fewer writes at once, or raise writer-queue-limit or writer-queue-bytes.',
    });
  }

  #enqueue(request: WriterRequest, transfer: Transferable | undefined): void {
    this.#outgoing.push(request);
    if (transfer !== undefined) {
      this.#transfer.push(transfer);
    }
    if (this.#outgoing.length === 1) {
      queueMicrotask(() => this.#flush());
    }
  }

  #flush(): void {
    const requests = this.#outgoing;
    const transfer = this.#transfer;
    this.#outgoing = [];
    this.#transfer = [];
    if (this.#closed === undefined) {
      this.#port.post(requests, transfer);
    }
  }

  /** To be called with every reply that arrives on the port. */
  receive(replies: readonly WriterReply[]): void {
    if (this.#closed !== undefined) {
      return;
    }
    for (const reply of replies) {
      const waiting = this.#waiting.get(reply[0]);
      assertInvariant(waiting !== undefined, `the writer answered request ${reply[0]}, which nobody made`);
      this.#waiting.delete(reply[0]);
      this.#waitingBytes -= waiting.sizeBytes;
      if (reply[1] === null && waiting.writes && !this.#mayAnswer()) {
        const [, txId] = reply[2] as TransactValue;
        waiting.reject(leaseEnded(txId));
      } else if (reply[1] === null) {
        waiting.resolve(reply[2] as never);
      } else {
        waiting.reject(QuorateError.deserialize(reply[1] as SerializedError));
      }
    }
  }

  /** Fails everything that waits and everything that comes. A write whose answer never came is in doubt. */
  fail(error: QuorateError): void {
    if (this.#closed !== undefined) {
      return;
    }
    this.#closed = error;
    for (const waiting of this.#waiting.values()) {
      waiting.reject(waiting.writes ? inDoubt(error) : error);
    }
    this.#waiting.clear();
  }
}

/** What another thread needs to write to a database of this node. */
export interface WriterAttachment {
  /** Of the database. */
  readonly name: string;
  readonly port: WriterPort;
  readonly limits: Pick<DatabaseLimits, 'writerQueueLimit' | 'writerQueueBytes'>;
}

/** A writer on the far end of a channel made by `Database.connectWriter`. */
export function attachWriter(attachment: WriterAttachment): WriterClient {
  const client = new WriterClient(attachment.port, attachment.limits, attachment.name);
  attachment.port.onMessage((message) => client.receive(message as WriterReply[]));
  return client;
}
