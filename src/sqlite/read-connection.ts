import { DatabaseSync, type StatementSync, constants as sqlite } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import { StateTable } from './internal-schema.ts';
import { readPragmaRefusal } from './pragma-rules.ts';
import { defaultBusyTimeoutMs, defaultMaxCachedStatements } from './primary-options.ts';
import { mapSqliteError } from './sqlite-errors.ts';
import { StatementCache } from './statement-cache.ts';
import { classify, singleStatement } from './statement-kind.ts';
import type { AppliedPosition, SqlParameters, SqlValue, Statement, StatementResult } from './types.ts';
import { bindParameters, listParameters, type ParameterList } from './value-binding.ts';
import { translated } from './writing-connection.ts';

/** Limits on what one query may return. */
export interface QueryOptions {
  /** Integers as bigint; otherwise as number, and INTEGER_OUT_OF_RANGE beyond 2^53. Default false. */
  readonly bigint?: boolean | undefined;
  /** More rows throw RESULT_TOO_LARGE. Default: no limit. */
  readonly maxRows?: number | undefined;
  /** Values of more bytes in all throw RESULT_TOO_LARGE (a number counts 8). Default: no limit. */
  readonly maxBytes?: number | undefined;
}

export interface ReadOptions {
  /** Prepared statements that are kept. Default 500. */
  readonly maxCachedStatements?: number | undefined;
  /** How long to wait for a lock that another connection holds, in milliseconds. Default 5000. */
  readonly busyTimeoutMs?: number | undefined;
}

/** A row as an object: a value for each column name. */
export type RowObject = Record<string, SqlValue>;

interface ReadStatement {
  readonly statement: StatementSync;
  readonly parameters: ParameterList;
  /** How the statement returns rows now. */
  mode: 'object' | 'array' | 'array-bigint' | 'object-bigint';
}

/** Reads a database on its own read-only connection; every query sees one consistent moment. */
export class ReadConnection implements Disposable {
  readonly #db: DatabaseSync;
  readonly #statements: StatementCache<ReadStatement>;
  readonly #state: StateTable;
  #refusal: QuorateError | undefined;
  #preparing = false;

  private constructor(db: DatabaseSync, options: ReadOptions) {
    this.#db = db;
    this.#statements = new StatementCache(options.maxCachedStatements ?? defaultMaxCachedStatements);
    this.#state = new StateTable(db);
    db.setAuthorizer((code, first, second) => this.#authorize(code, first, second));
  }

  /** Opens an existing database. @throws QuorateError IO_ERROR if there is none */
  static open(path: string, options: ReadOptions = {}): ReadConnection {
    return translated(() => {
      const timeout = options.busyTimeoutMs ?? defaultBusyTimeoutMs;
      const db = new DatabaseSync(path, { readOnly: true, defensive: true, timeout });
      try {
        return new ReadConnection(db, options);
      } catch (error) {
        db.close();
        throw error;
      }
    });
  }

  /**
   * Runs a query and returns rows as arrays.
   *
   * @throws QuorateError READ_ONLY_QUERY for what would write; RESULT_TOO_LARGE; INTEGER_OUT_OF_RANGE; SQL_ERROR
   */
  query(statement: Statement, options: QueryOptions = {}): StatementResult {
    return translated(() => {
      const prepared = this.#prepared(statement.sql);
      const rows = [...this.#rows(prepared, statement.parameters, options)];
      const columns = prepared.statement.columns();
      return {
        columns: columns.map((column) => column.name),
        columnTypes: columns.map((column) => column.type),
        rows,
        changes: 0,
        lastInsertRowid: 0n,
      };
    });
  }

  /** The same, row by row; the snapshot stays open until the iteration ends. */
  *iterate(statement: Statement, options: QueryOptions = {}): Generator<readonly SqlValue[]> {
    try {
      yield* this.#rows(this.#prepared(statement.sql), statement.parameters, options);
    } catch (error) {
      throw mapSqliteError(error);
    }
  }

  /** The fast path of the library: all rows as objects, without limits. */
  all(sql: string, parameters?: SqlParameters, bigint = false): RowObject[] {
    try {
      const prepared = this.#statements.get(sql) ?? this.#prepared(sql);
      setMode(prepared, bigint ? 'object-bigint' : 'object');
      const bound = bindParameters(prepared.parameters, parameters);
      return prepared.statement.all(...(bound as SqlValue[])) as RowObject[];
    } catch (error) {
      throw mapSqliteError(error);
    }
  }

  /** The first row as an object, or undefined. */
  get(sql: string, parameters?: SqlParameters, bigint = false): RowObject | undefined {
    try {
      const prepared = this.#statements.get(sql) ?? this.#prepared(sql);
      setMode(prepared, bigint ? 'object-bigint' : 'object');
      const bound = bindParameters(prepared.parameters, parameters);
      return prepared.statement.get(...(bound as SqlValue[])) as RowObject | undefined;
    } catch (error) {
      throw mapSqliteError(error);
    }
  }

  /** Rows as objects one by one; the snapshot stays open until the iteration ends. */
  *iterateObjects(sql: string, parameters?: SqlParameters, bigint = false): Generator<RowObject> {
    try {
      const prepared = this.#prepared(sql);
      setMode(prepared, bigint ? 'object-bigint' : 'object');
      const bound = bindParameters(prepared.parameters, parameters);
      yield* prepared.statement.iterate(...(bound as SqlValue[])) as Iterable<RowObject>;
    } catch (error) {
      throw mapSqliteError(error);
    }
  }

  /** Everything that `read` reads is of one moment. */
  snapshot<T>(read: () => T): T {
    translated(() => this.#db.exec('BEGIN'));
    try {
      return read();
    } finally {
      this.#db.exec('ROLLBACK');
    }
  }

  /** Up to where the content is the fold of the log. */
  readPosition(): AppliedPosition {
    return translated(() => this.#state.read());
  }

  close(): void {
    this.#db.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  *#rows(
    prepared: ReadStatement,
    parameters: SqlParameters | undefined,
    { bigint = false, maxRows = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY }: QueryOptions,
  ): Generator<readonly SqlValue[]> {
    setMode(prepared, bigint ? 'array-bigint' : 'array');
    const bound = bindParameters(prepared.parameters, parameters);
    let rows = 0;
    let bytes = 0;
    for (const row of prepared.statement.iterate(...(bound as SqlValue[])) as Iterable<unknown>) {
      const values = row as readonly SqlValue[];
      rows++;
      bytes += maxBytes === Number.POSITIVE_INFINITY ? 0 : sizeOf(values);
      if (rows > maxRows || bytes > maxBytes) {
        throw tooLarge(rows > maxRows ? `${maxRows} rows` : `${maxBytes} bytes`);
      }
      yield values;
    }
  }

  #prepared(text: string): ReadStatement {
    const known = this.#statements.get(text);
    if (known !== undefined) {
      return known;
    }
    const sql = singleStatement(text);
    const kind = classify(sql);
    if (kind !== 'read' && kind !== 'pragma') {
      throw readOnlyRefusal();
    }
    this.#refusal = undefined;
    this.#preparing = true;
    try {
      const statement = this.#db.prepare(sql);
      const prepared: ReadStatement = { statement, parameters: listParameters(sql), mode: 'object' };
      this.#statements.set(text, prepared);
      return prepared;
    } catch (error) {
      throw this.#refusal ?? error;
    } finally {
      this.#preparing = false;
    }
  }

  /** Some pragmas act while SQLite prepares them; what is no read otherwise is known by its first word. */
  #authorize(code: number, first: string | null, second: string | null): number {
    if (!this.#preparing || code !== sqlite.SQLITE_PRAGMA) {
      return sqlite.SQLITE_OK;
    }
    const refusal = readPragmaRefusal({ name: (first as string).toLowerCase(), argument: second });
    if (refusal === undefined) {
      return sqlite.SQLITE_OK;
    }
    this.#refusal = readOnlyRefusal(refusal.message);
    return sqlite.SQLITE_DENY;
  }
}

function readOnlyRefusal(what = 'the statement would write'): QuorateError {
  return new QuorateError('READ_ONLY_QUERY', `${what}: only reads are allowed here`, {
    hint: 'Send it as a write to the primary.',
  });
}

function tooLarge(limit: string): QuorateError {
  return new QuorateError('RESULT_TOO_LARGE', `the result has more than ${limit}`, {
    hint: 'Ask for fewer rows or columns, with LIMIT or page by page.',
  });
}

function setMode(prepared: ReadStatement, mode: ReadStatement['mode']): void {
  if (prepared.mode !== mode) {
    prepared.statement.setReturnArrays(mode === 'array' || mode === 'array-bigint');
    prepared.statement.setReadBigInts(mode === 'array-bigint' || mode === 'object-bigint');
    prepared.mode = mode;
  }
}

function sizeOf(values: readonly SqlValue[]): number {
  let bytes = 0;
  for (const value of values) {
    bytes += typeof value === 'string' || value instanceof Uint8Array ? value.length : 8;
  }
  return bytes;
}
