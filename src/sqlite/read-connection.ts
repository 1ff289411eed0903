import { DatabaseSync, constants as sqlite } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import { StateTable } from './internal-schema.ts';
import { readPragmaRefusal } from './pragma-rules.ts';
import { defaultBusyTimeoutMs, defaultMaxCachedStatements } from './primary-options.ts';
import { ReadStatement, type RowMode } from './read-statement.ts';
import { collectRows, ResultCounter, type ResultLimits, stepped } from './result-limits.ts';
import { mapSqliteError } from './sqlite-errors.ts';
import { readRefusal } from './statement-authorizer.ts';
import { StatementCache } from './statement-cache.ts';
import { classify, singleStatement } from './statement-kind.ts';
import type {
  AppliedPosition,
  SqlParameters,
  SqlValue,
  Statement,
  StatementDescription,
  StatementResult,
} from './types.ts';
import { bindParameters } from './value-binding.ts';
import { valueLimit } from './value-limit.ts';
import { translated } from './writing-connection.ts';

/** How integers come back, and limits on what one query may return. */
export interface QueryOptions extends ResultLimits {
  /** Integers as bigint; otherwise as number, and INTEGER_OUT_OF_RANGE beyond 2^53. Default false. */
  readonly bigint?: boolean | undefined;
}

export interface ReadOptions {
  /** Prepared statements that are kept. Default 500. */
  readonly maxCachedStatements?: number | undefined;
  /** How long to wait for a lock that another connection holds, in milliseconds. Default 5000. */
  readonly busyTimeoutMs?: number | undefined;
  /** Bytes of one text, blob or row. Default: what SQLite takes, 1 GB. */
  readonly maxValueBytes?: number | undefined;
}

/** A row as an object: a value for each column name. */
export type RowObject = Record<string, SqlValue>;

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
      const db = new DatabaseSync(path, {
        readOnly: true,
        defensive: true,
        timeout,
        ...valueLimit(options.maxValueBytes),
      });
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
  query({ sql, parameters, exactNumbers }: Statement, options: QueryOptions = {}): StatementResult {
    return translated(() => {
      const prepared = this.#prepared(sql);
      prepared.mode = options.bigint === true ? 'array-bigint' : 'array';
      const bound = bindParameters(prepared.parameters, parameters, exactNumbers);
      const rows = collectRows(prepared.statement, bound, options);
      const { names, types } = prepared.columns;
      return { columns: names, columnTypes: types, rows, changes: 0, lastInsertRowid: 0n };
    });
  }

  /**
   * What any statement returns, without running it; one that would write is only prepared.
   * @throws QuorateError READ_ONLY_QUERY for pragmas that set something, SQL_ERROR
   */
  describe(text: string): StatementDescription {
    return translated(() => {
      const sql = singleStatement(text);
      const { names, types } = this.#preparedAlone(sql).columns;
      return { columns: names, columnTypes: types };
    });
  }

  /** The same as `query`, row by row; the snapshot stays open until the iteration ends. */
  *iterate({ sql, parameters }: Statement, options: QueryOptions = {}): Generator<readonly SqlValue[]> {
    const limits = new ResultCounter(options);
    for (const row of this.#borrowed(sql, parameters, options.bigint === true ? 'array-bigint' : 'array')) {
      limits.count(row as readonly SqlValue[]);
      yield row as readonly SqlValue[];
    }
  }

  /** The fast path of the library: all rows as objects, without limits. */
  all(sql: string, parameters?: SqlParameters, bigint = false): RowObject[] {
    try {
      const prepared = this.#prepared(sql);
      prepared.mode = bigint ? 'object-bigint' : 'object';
      const bound = bindParameters(prepared.parameters, parameters);
      return prepared.statement.all(...(bound as SqlValue[])) as RowObject[];
    } catch (error) {
      throw mapSqliteError(error);
    }
  }

  /** The first row as an object, or undefined. */
  get(sql: string, parameters?: SqlParameters, bigint = false): RowObject | undefined {
    try {
      const prepared = this.#prepared(sql);
      prepared.mode = bigint ? 'object-bigint' : 'object';
      const bound = bindParameters(prepared.parameters, parameters);
      return prepared.statement.get(...(bound as SqlValue[])) as RowObject | undefined;
    } catch (error) {
      throw mapSqliteError(error);
    }
  }

  /** All rows as objects, one by one; the snapshot stays open until the iteration ends. */
  *iterateObjects(sql: string, parameters?: SqlParameters, bigint = false): Generator<RowObject> {
    yield* this.#borrowed(sql, parameters, bigint ? 'object-bigint' : 'object') as Iterable<RowObject>;
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

  /** Everything that is read from now on, until the connection is closed, is of this moment. */
  pin(): AppliedPosition {
    translated(() => this.#db.exec('BEGIN'));
    return this.readPosition();
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

  /** Nobody else may use a statement while somebody iterates over it, so it leaves the cache meanwhile. */
  *#borrowed(sql: string, parameters: SqlParameters | undefined, mode: RowMode): Generator<unknown> {
    let prepared: ReadStatement | undefined;
    try {
      prepared = this.#statements.take(sql) ?? this.#prepare(sql);
      prepared.mode = mode;
      const bound = bindParameters(prepared.parameters, parameters);
      yield* stepped(prepared.statement, bound as SqlValue[]);
    } catch (error) {
      throw mapSqliteError(error);
    } finally {
      if (prepared !== undefined) {
        this.#statements.set(sql, prepared);
      }
    }
  }

  #prepared(sql: string): ReadStatement {
    let prepared = this.#statements.get(sql);
    if (prepared === undefined) {
      prepared = this.#prepare(sql);
      this.#statements.set(sql, prepared);
    }
    return prepared;
  }

  #prepare(text: string): ReadStatement {
    const sql = singleStatement(text);
    const kind = classify(sql);
    if (kind !== 'read' && kind !== 'pragma') {
      throw readOnlyRefusal();
    }
    return this.#preparedAlone(sql);
  }

  #preparedAlone(sql: string): ReadStatement {
    this.#refusal = undefined;
    this.#preparing = true;
    try {
      return new ReadStatement(this.#db.prepare(sql), sql);
    } catch (error) {
      throw this.#refusal ?? error;
    } finally {
      this.#preparing = false;
    }
  }

  /** Some pragmas act while SQLite prepares them; what is no read otherwise is known by its first word. */
  #authorize(code: number, first: string | null, second: string | null): number {
    if (!this.#preparing) {
      return sqlite.SQLITE_OK;
    }
    if (code !== sqlite.SQLITE_PRAGMA) {
      this.#refusal ??= readRefusal(code, first, second);
      return this.#refusal === undefined ? sqlite.SQLITE_OK : sqlite.SQLITE_DENY;
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
