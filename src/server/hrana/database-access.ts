import type {
  BeginOptions,
  Database,
  InteractiveTransaction,
  Position,
  ReadOptions,
  Writer,
} from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import type { Statement, StatementDescription, StatementResult } from '../../sqlite/interface.ts';
import type { Identity } from '../auth/authenticator.ts';
import { refuseSystemDatabase } from '../node/node.ts';
import { readAt } from '../node/read-consistency.ts';
import { isWritable, writerOf } from '../node/writers.ts';
import type { HranaContext } from './hrana-context.ts';
import { beginReadTransaction } from './read-transaction.ts';
import type { WireWishes } from './wire-types.ts';

/** A transaction that is open, on the writer or on a snapshot. */
export type OpenTransaction = Pick<InteractiveTransaction, 'run' | 'describe' | 'rollback'> & {
  /** What it shows; undefined for one that only read. @param key idempotency key */
  commit(key?: string): Promise<Position | undefined>;
};

export interface Results {
  readonly results: readonly StatementResult[];
  /** The last transaction that they show. */
  readonly txId: number;
  readonly receipt: Receipt;
}

/** What is told of a statement to those who want to know. */
export interface Receipt {
  /** What it shows. */
  readonly position: Position;
  /** Replicas that held a write durably when it was answered. */
  readonly acks: number;
  /** An earlier write with the same key has taken effect, and this one has not. */
  readonly repeated: boolean;
}

/** What a stream asks its identity for. */
const actions = ['read', 'write'] as const;

type Action = (typeof actions)[number];

/** What one user may do with one database. Everything that a stream runs goes through here; nothing is held between calls. */
export class DatabaseAccess {
  readonly #context: HranaContext;
  readonly name: string;
  readonly identity: Identity;

  constructor(context: HranaContext, name: string, identity: Identity) {
    this.#context = context;
    this.name = name;
    this.identity = identity;
  }

  /** Whether a write would be tried, here or on the primary. @throws QuorateError as `check` does */
  get isWritable(): boolean {
    return this.identity.may(this.name, 'write') && isWritable(this.#require('read'));
  }

  /** Whether this is the same user on the same database, and may do there all that the other access may. */
  covers({ name, identity }: DatabaseAccess): boolean {
    return (
      this.name === name &&
      this.identity.user === identity.user &&
      actions.every((action) => this.identity.may(name, action) || !identity.may(name, action))
    );
  }

  /** @throws QuorateError PERMISSION_DENIED, DATABASE_NOT_FOUND, DATABASE_UNLOADED … */
  check(action: Action): void {
    this.#require(action);
  }

  #require(action: Action): Database {
    refuseSystemDatabase(this.name);
    this.identity.require(this.name, action);
    return this.#context.node.databases.require(this.name);
  }

  /** Runs statements that only read in one snapshot. @throws QuorateError READ_ONLY_QUERY for one that does not */
  async read(
    statements: readonly Statement[],
    signal?: AbortSignal,
    consistency?: WireWishes['consistency'],
  ): Promise<Results> {
    const database = this.#require('read');
    const { node } = this.#context;
    const options = { ...this.#readLimits, bigint: true, signal };
    const { results, appliedTxId } = await readAt(node, this.name, consistency, () =>
      node.readers.query(database.filePath, statements, options),
    );
    const position = { term: database.positions().term, txId: appliedTxId };
    return { results, txId: appliedTxId, receipt: { position, acks: 0, repeated: false } };
  }

  /** Runs statements as one transaction. @throws QuorateError READ_ONLY_REPLICA … */
  async transact(statements: readonly Statement[], { key, acks: level }: Partial<WireWishes> = {}): Promise<Results> {
    const answer = await this.#writer().transact(statements, { bigint: true, key, acks: level });
    const { results, position, acks } = answer;
    const repeated = results.length < statements.length;
    return { results, txId: position.txId, receipt: { position, acks, repeated } };
  }

  #writer(): Writer {
    return writerOf(this.#context.node, this.#require('write'));
  }

  /** Waits its turn to write, not longer than hrana-write-wait. @throws QuorateError DATABASE_LOCKED, CANCELLED … */
  async begin(options: BeginOptions, signal: AbortSignal): Promise<OpenTransaction> {
    const begun = this.#writer().begin(options);
    const transaction = await this.#within(begun, signal);
    return this.#watched('write', {
      run: (statement) => transaction.run(statement, { bigint: true }),
      describe: (sql) => transaction.describe(sql),
      commit: (key) => transaction.commit(key),
      rollback: () => transaction.rollback(),
    });
  }

  /** A transaction that ends when its user loses the permission, and does nothing more from then on. */
  #watched(action: Action, transaction: OpenTransaction): OpenTransaction {
    const check = () => this.identity.require(this.name, action);
    const end = () => void transaction.rollback().catch(() => {});
    const unwatch = this.#context.node.security.streams.add({ check, end });
    return {
      async run(statement) {
        check();
        return await transaction.run(statement);
      },
      async describe(sql) {
        check();
        return await transaction.describe(sql);
      },
      async commit(key) {
        check();
        unwatch();
        return await transaction.commit(key);
      },
      async rollback() {
        unwatch();
        await transaction.rollback();
      },
    };
  }

  /** A transaction that begins when nobody waits for it any more is rolled back. */
  #within(begun: Promise<InteractiveTransaction>, signal: AbortSignal): Promise<InteractiveTransaction> {
    const { promise, resolve, reject } = Promise.withResolvers<InteractiveTransaction>();
    const limitMs = this.#context.limits.hranaWriteWaitMs;
    let abandoned = false;
    const abandon = (error: QuorateError) => {
      abandoned = true;
      reject(error);
    };
    const timer = this.#context.node.runtime.timers.after(limitMs, () => abandon(busy(limitMs)));
    const cancel = () => abandon(new QuorateError('CANCELLED', 'the stream was closed'));
    signal.addEventListener('abort', cancel, { once: true });
    begun
      .then((transaction) => (abandoned ? transaction.rollback() : resolve(transaction)))
      .catch(reject)
      .finally(() => {
        timer.cancel();
        signal.removeEventListener('abort', cancel);
      });
    return promise;
  }

  /** A snapshot that stays the same over several requests. */
  async beginRead(): Promise<OpenTransaction> {
    const { filePath } = this.#require('read');
    const { transactionIdleTimeoutMs, transactionTotalTimeoutMs } = this.#context.node.options.databaseLimits;
    const transaction = await beginReadTransaction(this.#context.node.readers, filePath, {
      ...this.#readLimits,
      idleTimeoutMs: transactionIdleTimeoutMs,
      totalTimeoutMs: transactionTotalTimeoutMs,
    });
    return this.#watched('read', transaction);
  }

  /** What a statement returns. @throws QuorateError SQL_ERROR … */
  async describe(sql: string): Promise<StatementDescription> {
    const { filePath } = this.#require('read');
    return await this.#context.node.readers.describe(filePath, sql, this.#readLimits);
  }

  /** Waits until this node shows a transaction, not longer than hrana-position-wait. @throws QuorateError WAIT_TIMEOUT */
  async waitFor(txId: number, signal: AbortSignal, waitMs = Infinity): Promise<void> {
    if (txId > 0) {
      const limitMs = Math.min(waitMs, this.#context.limits.hranaPositionWaitMs);
      await this.#require('read').waitFor(txId, limitMs, signal);
    }
  }

  get #readLimits(): Pick<ReadOptions, 'timeoutMs' | 'maxBytes' | 'maxValueBytes'> {
    const { maxResultBytes, maxValueBytes, queryTimeoutMs } = this.#context.node.options.databaseLimits;
    return {
      timeoutMs: queryTimeoutMs,
      maxBytes: Math.min(maxResultBytes, this.#context.limits.hranaMaxResponseBytes),
      maxValueBytes,
    };
  }
}

/** Clients know this code of SQLite, and try again. */
function busy(limitMs: number): QuorateError {
  return new QuorateError('DATABASE_LOCKED', `database is locked: others have held the writer for ${limitMs} ms`, {
    hint: 'Try again, keep transactions short, or raise hrana-write-wait.',
    details: { sqliteErrorNumber: 5, limitMs },
  });
}
