import type { NodeClient } from '../../client/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import { classify, type SqlParameters, type SqlValue } from '../../sqlite/interface.ts';
import type { Streams } from '../output.ts';
import type { SchemaNames } from './completion.ts';
import { type ResultMode, resultText } from './result-text.ts';
import { ShellTransaction, transactionWord } from './shell-transaction.ts';
import { userTables } from './user-tables.ts';

/** Most columns that completion knows. */
const maxNames = 20_000;

const namesSql = `
  SELECT t.name, c.name FROM (${userTables}) t JOIN pragma_table_info(t.name) c ORDER BY t.name, c.cid LIMIT ${maxNames}`;

interface Rows {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
  readonly changes: number | bigint;
}

export interface ShellSessionOptions {
  readonly client: NodeClient;
  readonly streams: Streams;
  readonly database: string;
  readonly mode: ResultMode;
  /** Whether a person reads along, who is told also of statements without rows. */
  readonly isInteractive: boolean;
}

/** What a shell works on: a connection, a database, a transaction, and how results are shown. */
export class ShellSession implements Disposable {
  readonly client: NodeClient;
  readonly streams: Streams;
  readonly transaction = new ShellTransaction();
  readonly #isInteractive: boolean;
  #database: string;
  #names: SchemaNames | undefined;
  mode: ResultMode;

  constructor({ client, streams, database, mode, isInteractive }: ShellSessionOptions) {
    this.client = client;
    this.streams = streams;
    this.mode = mode;
    this.#database = database;
    this.#isInteractive = isInteractive;
  }

  get database(): string {
    return this.#database;
  }

  /** Works on another database of the node. @throws QuorateError DATABASE_NOT_FOUND; INVALID_ARGUMENT in a transaction */
  async use(database: string): Promise<void> {
    if (this.transaction.state !== 'none') {
      throw new QuorateError('INVALID_ARGUMENT', 'a transaction is open', {
        hint: 'End it with COMMIT; or ROLLBACK; before you use another database.',
      });
    }
    await this.client.status(database);
    this.#database = database;
    this.#names = undefined;
  }

  /** Runs a statement and prints what it returns. */
  async run(sql: string, signal: AbortSignal): Promise<void> {
    const word = transactionWord(sql);
    if (word !== undefined) {
      return await this.#runWord(word);
    }
    const { columns, rows, changes } = await this.query(sql, signal);
    if (columns.length > 0) {
      this.print(resultText({ columns, rows }, this.mode, this.streams.terminal?.columns));
    } else {
      const count = Number(changes);
      this.tell(count === 0 ? 'ok\n' : `${count} ${count === 1 ? 'row' : 'rows'} changed\n`);
    }
    await this.streams.drained?.();
  }

  /** Runs a statement, in the transaction if one is open. */
  async query(sql: string, signal: AbortSignal, parameters?: SqlParameters): Promise<Rows> {
    if (classify(sql) === 'schema') {
      this.#names = undefined;
    }
    if (this.transaction.state !== 'none') {
      return await this.transaction.run({ sql, parameters }, signal);
    }
    try {
      const { results } = await this.client.execute(this.#database, [{ sql, parameters }], { signal });
      return results.at(-1) ?? { columns: [], rows: [], changes: 0 };
    } catch (error) {
      throw signal.aborted ? cancelled(sql, error) : error;
    }
  }

  /** Has what is open rolled back. @returns whether there was anything */
  end(): boolean {
    const isOpen = this.transaction.state !== 'none';
    this.transaction.abandon();
    return isOpen;
  }

  [Symbol.dispose](): void {
    this.end();
  }

  /** Names for completion, as they were when they were asked for first or after the last change of the schema. */
  async names(): Promise<SchemaNames> {
    this.#names ??= await this.#readNames();
    return this.#names;
  }

  print(text: string): void {
    this.streams.out(text);
  }

  /** Prints what only a person wants to know. */
  tell(text: string): void {
    if (this.#isInteractive) {
      this.print(text);
    }
  }

  async #runWord(word: 'begin' | 'commit' | 'rollback'): Promise<void> {
    if (word === 'begin') {
      await this.transaction.begin(this.client, this.#database);
    } else {
      await this.transaction[word]();
    }
    this.tell('ok\n');
  }

  async #readNames(): Promise<SchemaNames> {
    const { results } = await this.client.execute(this.#database, [{ sql: namesSql }]);
    const names = new Map<string, string[]>();
    for (const [table, column] of results[0]?.rows ?? []) {
      const columns = names.get(String(table)) ?? [];
      columns.push(String(column));
      names.set(String(table), columns);
    }
    return names;
  }
}

function cancelled(sql: string, cause: unknown): QuorateError {
  return new QuorateError('CANCELLED', 'the statement was cancelled', {
    cause,
    hint:
      classify(sql) === 'read' ? undefined : 'It may have taken effect all the same: look before you write it again.',
  });
}
