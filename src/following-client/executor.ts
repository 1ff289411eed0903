import { isQuorateError, QuorateError } from '../errors/interface.ts';
import { encodePosition, type Position } from '../position/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import { checkConsistency } from './consistency.ts';
import type { LinkedStream, NodeLink } from './node-link.ts';
import type { Operations } from './operations.ts';
import { RemoteTransaction } from './remote-transaction.ts';
import { outcomeOf, type Receipt, sendBatch, sendRead, sendWrite } from './requests.ts';
import type {
  BatchResult,
  ClientLimits,
  Consistency,
  ExecuteResult,
  QueryOptions,
  ReadPreference,
  Row,
  Statement,
  Transaction,
  WriteOptions,
} from './types.ts';
import { rowsOf, type WireResult } from './values.ts';
import { AnswerLost } from './wire-error.ts';

export interface ExecutorOptions {
  readonly operations: Operations;
  readonly limits: ClientLimits;
  readonly runtime: Runtime;
  readonly readPreference: ReadPreference;
  readonly consistency: Consistency;
  readonly idempotent: boolean;
}

/** What a write is when only its key is known to have been taken. */
const noResult: WireResult = { cols: [], rows: [], affected_row_count: 0, last_insert_rowid: null };

const keyBytes = 16;

/** Reads, writes and transactions of all sessions of a client. */
export class Executor {
  readonly #options: ExecutorOptions;

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  /** @param after position of the session */
  async query<R extends object = Row>(
    { sql, parameters }: Statement,
    { consistency = this.#options.consistency, bigint, timeoutMs }: QueryOptions = {},
    after: Position | undefined,
  ): Promise<{ readonly rows: R[]; readonly position: Position | undefined }> {
    checkConsistency(consistency);
    const { operations, limits, readPreference } = this.#options;
    const wanted = consistency === 'session' ? after : undefined;
    const request = { sql, parameters, consistency, after: wanted, waitMs: limits.sessionWaitMs };
    const attempt = (link: NodeLink, limitMs: number) =>
      onStream(link, limitMs, async (stream) => {
        const answer = await sendRead(stream, request, limitMs);
        checkTerm(answer.receipt, wanted, link);
        return answer;
      });
    const { result, receipt } =
      consistency === 'linearizable'
        ? await operations.onPrimary({ attempt, isRepeatable: true, timeoutMs })
        : await operations.onAny(attempt, readPreference, timeoutMs);
    return { rows: rowsOf<R>(result, bigint), position: receipt.position };
  }

  async execute<R extends object = Row>(statement: Statement, options: WriteOptions = {}): Promise<ExecuteResult<R>> {
    const { results, receipt } = await this.#write(options, async (stream, request, limitMs) => {
      const { result, receipt: told } = await sendWrite(stream, statement, request, limitMs);
      return { results: [result], receipt: told };
    });
    return { ...outcomeOf<R>(results[0] ?? noResult, options.bigint), ...committed(receipt) };
  }

  async batch(statements: readonly Statement[], options: WriteOptions = {}): Promise<BatchResult> {
    if (statements.length === 0) {
      throw new QuorateError('INVALID_ARGUMENT', 'a batch has at least one statement');
    }
    const { results, receipt } = await this.#write(options, (stream, request, limitMs) =>
      sendBatch(stream, statements, request, limitMs),
    );
    return { results: results.map((result) => outcomeOf(result, options.bigint)), ...committed(receipt) };
  }

  async #write(
    { key = this.#newKey(), acks, timeoutMs }: WriteOptions,
    send: (stream: LinkedStream, request: Parameters<typeof sendWrite>[2], limitMs: number) => Promise<Written>,
  ): Promise<Written> {
    return await this.#options.operations.onPrimary<Written>({
      timeoutMs,
      isRepeatable: key !== undefined,
      attempt: (link, limitMs) => onStream(link, limitMs, (stream) => send(stream, { key, acks }, limitMs)),
      ...(key !== undefined && { settle: claim(key) }),
    });
  }

  #newKey(): string | undefined {
    const { idempotent, runtime } = this.#options;
    return idempotent ? Buffer.from(runtime.random.bytes(keyBytes)).toString('base64url') : undefined;
  }

  async transaction<T>(
    action: (tx: Transaction) => Promise<T>,
    { key = this.#newKey(), timeoutMs, bigint }: Pick<WriteOptions, 'key' | 'timeoutMs' | 'bigint'> = {},
  ): Promise<{ readonly value: T; readonly position: Position | undefined }> {
    const { operations, limits } = this.#options;
    const tx = await operations.onPrimary({
      timeoutMs,
      isRepeatable: true,
      attempt: (link, limitMs) => RemoteTransaction.begin(link, { limitMs, limits, bigint: bigint === true }),
    });
    let value: T;
    try {
      value = await action(tx);
    } catch (error) {
      await tx.rollback();
      throw error;
    }
    return { value, position: await this.#commit(tx, key, timeoutMs) };
  }

  async #commit(
    tx: RemoteTransaction,
    key: string | undefined,
    timeoutMs: number | undefined,
  ): Promise<Position | undefined> {
    try {
      return await tx.commit(key);
    } catch (thrown) {
      const isLost = thrown instanceof AnswerLost || (isQuorateError(thrown) && thrown.code === 'COMMIT_IN_DOUBT');
      if (!isLost) {
        throw thrown;
      }
      return await this.#settle(thrown instanceof AnswerLost ? thrown.reason : thrown, key, timeoutMs);
    }
  }

  /** Whether a transaction was committed whose COMMIT was not answered. @throws UNAVAILABLE when not; COMMIT_IN_DOUBT */
  async #settle(doubt: QuorateError, key: string | undefined, timeoutMs: number | undefined) {
    if (key === undefined) {
      throw new QuorateError('COMMIT_IN_DOUBT', `the commit was not answered: ${doubt.message}`, { cause: doubt });
    }
    const settle = claim(key);
    const { taken } = await this.#options.operations
      .onPrimary({
        timeoutMs,
        isRepeatable: false,
        attempt: async (link, limitMs) => ({ taken: await settle(link, limitMs) }),
      })
      .catch((cause: unknown) => {
        const message = `nobody could say whether the transaction was committed: ${doubt.message}`;
        throw new QuorateError('COMMIT_IN_DOUBT', message, { cause, hint: 'Read the data before you run it again.' });
      });
    if (taken === undefined) {
      throw new QuorateError('UNAVAILABLE', `the transaction was rolled back: ${doubt.message}`, {
        cause: doubt,
        hint: 'Run it again.',
      });
    }
    return taken.receipt.position;
  }
}

interface Written {
  readonly results: readonly WireResult[];
  readonly receipt: Receipt;
}

/**
 * Takes the key of a write by a transaction that does nothing. When it was taken before, the write is committed; when it was
 * not, the write cannot be committed any more.
 */
function claim(key: string): (link: NodeLink, limitMs: number) => Promise<Written | undefined> {
  return async (link, limitMs) => {
    const request = { key, acks: undefined };
    const { receipt } = await onStream(link, limitMs, (stream) =>
      sendBatch(stream, [{ sql: 'SELECT 1' }], request, limitMs),
    );
    return receipt.repeated ? { results: [], receipt } : undefined;
  };
}

async function onStream<T>(link: NodeLink, limitMs: number, action: (stream: LinkedStream) => Promise<T>): Promise<T> {
  const stream = await link.stream(limitMs);
  let isClean = true;
  try {
    return await action(stream);
  } catch (error) {
    isClean = !(error instanceof AnswerLost);
    throw error;
  } finally {
    stream.end(isClean);
  }
}

/** One that has not heard of the term of the session may hold another transaction under the same number. */
function checkTerm({ position }: Receipt, after: Position | undefined, { url }: NodeLink): void {
  if (after !== undefined && position !== undefined && position.term < after.term) {
    throw new QuorateError('TOO_STALE', `${url} has not heard of term ${after.term} yet`);
  }
}

function committed({ position, acks, repeated }: Receipt) {
  return { position: position === undefined ? '' : encodePosition(position), acks, repeated };
}
