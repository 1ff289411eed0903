import type { Position } from '../../database/interface.ts';
import { asQuorateError, type ErrorCode, QuorateError } from '../../errors/interface.ts';
import type {
  Statement,
  StatementDescription,
  StatementResult,
  StatementText,
  TransactionCommand,
} from '../../sqlite/interface.ts';
import type { DatabaseAccess, OpenTransaction, Receipt, Results } from './database-access.ts';
import type { WireWishes } from './wire-types.ts';

/** A statement that is ready to run, with what its text tells. */
export interface ReadyStatement {
  readonly text: StatementText;
  readonly statement: Statement;
}

export interface Execution {
  readonly result: StatementResult;
  /** The last transaction that the result shows; undefined inside a transaction. */
  readonly txId: number | undefined;
  /** For those who want to know. */
  readonly receipt?: Receipt | undefined;
}

type State =
  | { readonly kind: 'autocommit' }
  /** BEGIN was said, and nothing has run yet. */
  | { readonly kind: 'begun'; readonly mode: 'deferred' | 'readonly' }
  | {
      readonly kind: 'open';
      readonly transaction: OpenTransaction;
      /** Names of the savepoints, when the first of them began the transaction. */
      readonly savepoints: readonly string[] | undefined;
    }
  /** The transaction was rolled back, and not because its client asked for it. */
  | { readonly kind: 'lost'; readonly error: QuorateError; readonly isKnown: boolean };

const emptyResult: StatementResult = { columns: [], columnTypes: [], rows: [], changes: 0, lastInsertRowid: 0n };
const foreignKeysColumn: StatementDescription = { columns: ['foreign_keys'], columnTypes: [null] };
const empty: Execution = { result: emptyResult, txId: undefined };
const autocommit: State = { kind: 'autocommit' };

/** Errors of one statement, after which its transaction goes on. After any other nobody knows what is left of it. */
const survivable: ReadonlySet<ErrorCode> = new Set([
  'INVALID_ARGUMENT',
  'SQL_ERROR',
  'CONSTRAINT_VIOLATION',
  'UNSUPPORTED_STATEMENT',
  'READ_ONLY_QUERY',
  'RESULT_TOO_LARGE',
  'MESSAGE_TOO_LARGE',
  'TRANSACTION_TOO_LARGE',
  'OVERLOADED',
]);

/**
 * What SQLite's connection is to a program: statements one after the other, each on its own or inside a transaction.
 *
 * A transaction that the server has rolled back (a time limit, a change of the primary) stays "lost" until the session is
 * closed: clients send the statements of a transaction without conditions, and half of them would otherwise be committed
 * one by one.
 */
export class SqlSession {
  readonly #access: DatabaseAccess;
  readonly #closing = new AbortController();
  #state: State = autocommit;
  #foreignKeys = true;

  constructor(access: DatabaseAccess) {
    this.#access = access;
  }

  /** Aborts when the session is closed. */
  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  get isAutocommit(): boolean {
    return this.#state.kind === 'autocommit';
  }

  /** Whether the transaction was lost, and its client has rolled it back since: it knows. */
  get isLossKnown(): boolean {
    return this.#state.kind === 'lost' && this.#state.isKnown;
  }

  /** Whether the next request would find anything that a new session has not. */
  get holdsState(): boolean {
    return this.#state.kind !== 'autocommit' || !this.#foreignKeys;
  }

  /** Whether several statements may run as one transaction of their own, all at once. */
  get isFresh(): boolean {
    return this.#state.kind === 'autocommit' && this.#foreignKeys;
  }

  get access(): DatabaseAccess {
    return this.#access;
  }

  /** Runs one statement; calls must not overlap. @throws QuorateError */
  async execute(ready: ReadyStatement, wishes?: WireWishes): Promise<Execution> {
    const { command, foreignKeys } = ready.text;
    this.#checkWishes(wishes, command);
    if (command !== undefined) {
      return await this.#runCommand(command, ready, wishes?.key);
    }
    if (this.#state.kind === 'lost') {
      throw this.#state.error;
    }
    if (foreignKeys !== undefined) {
      return this.#runForeignKeys(foreignKeys);
    }
    return this.#state.kind === 'autocommit'
      ? await this.#runAlone(ready, wishes)
      : await this.#runInside(ready.statement);
  }

  /** A transaction takes its key with its COMMIT, and has no other wishes. */
  #checkWishes(wishes: WireWishes | undefined, command: TransactionCommand | undefined): void {
    if (wishes === undefined || (command === undefined && this.#state.kind === 'autocommit')) {
      return;
    }
    const { key, acks, consistency } = wishes;
    if (acks !== undefined || consistency !== undefined || (key !== undefined && command?.action !== 'commit')) {
      throw new QuorateError('INVALID_ARGUMENT', 'inside a transaction only its COMMIT takes a wish, which is a key');
    }
  }

  /** What a statement returns. */
  async describe(text: StatementText): Promise<StatementDescription> {
    if (this.#state.kind === 'lost') {
      throw this.#state.error;
    }
    if (text.command !== undefined || text.foreignKeys !== undefined) {
      return text.foreignKeys === 'ask' ? foreignKeysColumn : emptyResult;
    }
    if (this.#state.kind === 'open') {
      const { transaction } = this.#state;
      return await this.#guarded(transaction, () => transaction.describe(text.sql));
    }
    try {
      return await this.#access.describe(text.sql);
    } catch (error) {
      // A pragma that sets something acts when it is prepared, and returns nothing.
      if (text.kind === 'pragma' && asQuorateError(error).code === 'READ_ONLY_QUERY') {
        return emptyResult;
      }
      throw error;
    }
  }

  /** Rolls back what is open. */
  async close(): Promise<void> {
    this.#closing.abort();
    const state = this.#state;
    this.#state = {
      kind: 'lost',
      error: new QuorateError('TRANSACTION_CLOSED', 'the stream is closed'),
      isKnown: false,
    };
    if (state.kind === 'open') {
      await rollBackQuietly(state.transaction);
    }
  }

  async #runCommand(command: TransactionCommand, ready: ReadyStatement, key: string | undefined): Promise<Execution> {
    const state = this.#state;
    if (state.kind === 'lost' && command.action !== 'rollback') {
      throw state.error;
    }
    switch (command.action) {
      case 'begin':
        return await this.#begin(command.mode);
      case 'commit':
        return await this.#commit(key);
      case 'rollback':
        return await this.#rollBack();
      default:
        return await this.#runSavepoint(command, ready);
    }
  }

  async #begin(mode: 'deferred' | 'immediate' | 'readonly'): Promise<Execution> {
    if (this.#state.kind !== 'autocommit') {
      throw sqlError('cannot start a transaction within a transaction');
    }
    if (mode === 'immediate') {
      await this.#open();
    } else {
      this.#access.check('read');
      this.#state = { kind: 'begun', mode };
    }
    return empty;
  }

  /** Takes the writer. */
  async #open(savepoints?: readonly string[]): Promise<OpenTransaction> {
    const transaction = await this.#access.begin({ foreignKeys: this.#foreignKeys }, this.signal);
    return this.#entered(transaction, savepoints);
  }

  /** A session that was closed meanwhile takes no transaction any more. */
  async #entered(transaction: OpenTransaction, savepoints?: readonly string[]): Promise<OpenTransaction> {
    if (this.signal.aborted) {
      await rollBackQuietly(transaction);
      throw new QuorateError('CANCELLED', 'the stream was closed');
    }
    this.#state = { kind: 'open', transaction, savepoints };
    return transaction;
  }

  async #commit(key?: string): Promise<Execution> {
    const state = this.#state;
    if (state.kind !== 'open' && state.kind !== 'begun') {
      throw sqlError('cannot commit - no transaction is active');
    }
    if (state.kind === 'begun') {
      this.#state = autocommit;
      return empty;
    }
    try {
      const position = await state.transaction.commit(key);
      this.#state = autocommit;
      return { result: emptyResult, ...committed(position, key) };
    } catch (error) {
      throw await this.#lose(state.transaction, asQuorateError(error));
    }
  }

  /** One that the server has rolled back is answered, and stays lost. */
  async #rollBack(): Promise<Execution> {
    const state = this.#state;
    if (state.kind === 'autocommit') {
      throw sqlError('cannot rollback - no transaction is active');
    }
    if (state.kind === 'open') {
      await rollBackQuietly(state.transaction);
    }
    this.#state = state.kind === 'lost' ? { ...state, isKnown: true } : autocommit;
    return empty;
  }

  /** Outside of a transaction SAVEPOINT begins one, which ends when that savepoint is released. */
  async #runSavepoint(
    command: Extract<TransactionCommand, { readonly name: string }>,
    { statement }: ReadyStatement,
  ): Promise<Execution> {
    if (this.#state.kind === 'autocommit' && command.action === 'savepoint') {
      await this.#open([]);
    }
    const state = this.#state;
    const savepoints = state.kind === 'open' ? state.savepoints : undefined;
    if (command.action === 'release' && savepoints?.lastIndexOf(command.name) === 0) {
      return await this.#commit();
    }
    if (state.kind === 'autocommit') {
      throw sqlError(`no such savepoint: ${command.name}`);
    }
    const execution = await this.#runInside(statement);
    if (this.#state.kind === 'open' && savepoints !== undefined) {
      this.#state = { ...this.#state, savepoints: savepointsAfter(command, savepoints) };
    }
    return execution;
  }

  /** The pragma does nothing inside a transaction. */
  #runForeignKeys(wanted: 'on' | 'off' | 'ask'): Execution {
    if (wanted === 'ask') {
      const rows = [[this.#foreignKeys ? 1n : 0n]];
      return { ...empty, result: { ...emptyResult, ...foreignKeysColumn, rows } };
    }
    if (this.#state.kind === 'autocommit') {
      this.#foreignKeys = wanted === 'on';
    }
    return empty;
  }

  async #runAlone({ text, statement }: ReadyStatement, wishes: WireWishes | undefined): Promise<Execution> {
    if (text.kind === 'read' || text.kind === 'pragma') {
      const answer = await this.#tryReading(statement, wishes);
      if (answer !== undefined) {
        return only(answer, wishes);
      }
    }
    return this.#foreignKeys
      ? only(await this.#access.transact([statement], wishes), wishes)
      : await this.#runUnchecked(statement, wishes?.key);
  }

  /** undefined when what looked like a read is none. */
  async #tryReading(statement: Statement, wishes: WireWishes | undefined): Promise<Results | undefined> {
    try {
      return await this.#access.read([statement], this.signal, wishes?.consistency);
    } catch (error) {
      if (asQuorateError(error).code === 'READ_ONLY_QUERY') {
        return undefined;
      }
      throw error;
    }
  }

  /** Runs a statement in a transaction without foreign keys. */
  async #runUnchecked(statement: Statement, key: string | undefined): Promise<Execution> {
    const transaction = await this.#access.begin({ foreignKeys: false }, this.signal);
    try {
      const result = await transaction.run(statement);
      return { result, ...committed(await transaction.commit(key), key) };
    } catch (error) {
      await rollBackQuietly(transaction);
      throw error;
    }
  }

  async #runInside(statement: Statement): Promise<Execution> {
    const transaction = await this.#entry();
    return { result: await this.#guarded(transaction, () => transaction.run(statement)), txId: undefined };
  }

  /** The open transaction. One that was only begun opens now: for writing where that is possible, so that it never has to change over. */
  async #entry(): Promise<OpenTransaction> {
    const state = this.#state;
    if (state.kind === 'open') {
      return state.transaction;
    }
    const writes = state.kind === 'begun' && state.mode === 'deferred' && this.#access.isWritable;
    return writes ? await this.#open() : await this.#entered(await this.#access.beginRead());
  }

  async #guarded<Result>(transaction: OpenTransaction, action: () => Promise<Result>): Promise<Result> {
    try {
      return await action();
    } catch (thrown) {
      const error = asQuorateError(thrown);
      throw survivable.has(error.code) ? error : await this.#lose(transaction, error);
    }
  }

  async #lose(transaction: OpenTransaction, error: QuorateError): Promise<QuorateError> {
    this.#state = { kind: 'lost', error: lostBecause(error), isKnown: false };
    await rollBackQuietly(transaction);
    return error;
  }
}

/** What later requests are told. */
function lostBecause({ code, message, hint }: QuorateError): QuorateError {
  return new QuorateError(
    survivable.has(code) ? 'TRANSACTION_CLOSED' : code,
    `the transaction of this stream has ended: ${message}`,
    { hint: hint ?? 'Close the stream and run the whole transaction again on another.' },
  );
}

function only({ results, txId, receipt }: Results, wishes: WireWishes | undefined): Execution {
  return { result: results[0] ?? emptyResult, txId, receipt: wishes && receipt };
}

function committed(position: Position | undefined, key: string | undefined): Pick<Execution, 'txId' | 'receipt'> {
  const isTold = position !== undefined && key !== undefined;
  return { txId: position?.txId, receipt: isTold ? { position, acks: 0, repeated: false } : undefined };
}

function savepointsAfter(
  { action, name }: Extract<TransactionCommand, { readonly name: string }>,
  savepoints: readonly string[],
): readonly string[] {
  const at = savepoints.lastIndexOf(name);
  switch (action) {
    case 'savepoint':
      return [...savepoints, name];
    case 'release':
      return savepoints.slice(0, at);
    default:
      return savepoints.slice(0, at + 1);
  }
}

/** It may have ended by itself. */
async function rollBackQuietly(transaction: OpenTransaction): Promise<void> {
  await transaction.rollback().catch(() => {});
}

/** What SQLite itself would say. */
function sqlError(message: string): QuorateError {
  return new QuorateError('SQL_ERROR', message, { details: { sqliteErrorNumber: 1 } });
}
