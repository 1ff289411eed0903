/** A value as SQLite stores it. Integers are `bigint` or, where safe, `number`; a bound `number` that is an integer is stored as INTEGER. */
export type SqlValue = null | number | bigint | string | Uint8Array;

/** Positional values, or named ones (with or without their `:`, `@`, `$`). */
export type SqlParameters = readonly SqlValue[] | Readonly<Record<string, SqlValue>>;

export interface Statement {
  /** Exactly one SQL statement; a trailing semicolon and comments are allowed. */
  readonly sql: string;
  readonly parameters?: SqlParameters | undefined;
  /** A `number` is stored as REAL also when it is an integer. Default false. */
  readonly exactNumbers?: boolean | undefined;
}

/** What is known of a statement before it runs. */
export interface StatementDescription {
  /** Names of the columns that it returns, in order. */
  readonly columns: readonly string[];
  /** Declared type of each column, or null for an expression. */
  readonly columnTypes: readonly (string | null)[];
}

export interface StatementResult {
  /** Names of the columns, in order; empty for a statement that returns no rows. */
  readonly columns: readonly string[];
  /** Declared type of each column, or null for an expression. */
  readonly columnTypes: readonly (string | null)[];
  /** Integers as bigint when asked for, otherwise as number. */
  readonly rows: readonly (readonly SqlValue[])[];
  /** Rows inserted, updated or deleted by this statement itself. */
  readonly changes: number;
  readonly lastInsertRowid: bigint;
}

/** What one transaction did, ready for the log. */
export interface CapturedTransaction {
  /** Encoded operations; empty (length 0) when nothing was changed that needs a record. */
  readonly operations: Uint8Array;
  /** Hash of the schema after the transaction. */
  readonly schemaHash: bigint;
}

/** The row in which a database remembers up to where its content is the fold of its log (invariant I4). */
export interface AppliedPosition {
  readonly txId: number;
  readonly term: number;
  /** Chain hash of that record, 32 bytes. */
  readonly hash: Uint8Array;
}

/** What a statement is, decided when it is prepared. */
export type StatementKind =
  /** Changes nothing. */
  | 'read'
  /** May change rows. */
  | 'write'
  /** Changes the schema. */
  | 'schema'
  /** A pragma that is logged or local; others are refused. */
  | 'pragma'
  /** BEGIN, COMMIT, END, ROLLBACK, SAVEPOINT, RELEASE. */
  | 'transaction-control';
