import { type ErrorCode, isQuorateError, QuorateError } from '../errors/interface.ts';

/** What node:sqlite throws when SQLite reports an error: the extended result code is in `errcode`. */
interface SqliteError extends Error {
  readonly errcode: number;
  readonly errstr: string;
}

/** Names of the extended codes of SQLITE_CONSTRAINT, https://www.sqlite.org/rescode.html. */
const constraintNames: Readonly<Record<number, string>> = {
  275: 'SQLITE_CONSTRAINT_CHECK',
  531: 'SQLITE_CONSTRAINT_COMMITHOOK',
  787: 'SQLITE_CONSTRAINT_FOREIGNKEY',
  1043: 'SQLITE_CONSTRAINT_FUNCTION',
  1299: 'SQLITE_CONSTRAINT_NOTNULL',
  1555: 'SQLITE_CONSTRAINT_PRIMARYKEY',
  1811: 'SQLITE_CONSTRAINT_TRIGGER',
  2067: 'SQLITE_CONSTRAINT_UNIQUE',
  2323: 'SQLITE_CONSTRAINT_VTAB',
  2579: 'SQLITE_CONSTRAINT_ROWID',
  2835: 'SQLITE_CONSTRAINT_PINNED',
  3091: 'SQLITE_CONSTRAINT_DATATYPE',
};

/** By primary result code. */
const codes: Readonly<Record<number, ErrorCode>> = {
  5: 'DATABASE_LOCKED',
  6: 'DATABASE_LOCKED',
  8: 'READ_ONLY_QUERY',
  10: 'IO_ERROR',
  11: 'DATABASE_CORRUPT',
  13: 'DISK_FULL',
  14: 'IO_ERROR',
  18: 'MESSAGE_TOO_LARGE',
  19: 'CONSTRAINT_VIOLATION',
  26: 'DATABASE_CORRUPT',
};

const hints: Partial<Record<ErrorCode, string>> = {
  DATABASE_LOCKED: 'Another process has the file open for writing; only Quorate may write to it.',
  DISK_FULL: 'Free some space on this file system. With enough of it, an AUTOINCREMENT table has used its last id.',
  DATABASE_CORRUPT: 'Copy the database again from a healthy node, or restore a backup.',
  MESSAGE_TOO_LARGE: 'A text, a blob or a row may be as large as the option max-value-bytes says, and at most 1 GB.',
};

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && typeof (error as Partial<SqliteError>).errcode === 'number';
}

/** https://www.sqlite.org/rescode.html#cantopen */
const cannotOpen = 14;

/** Whether a file could not be opened: it is not there, or its WAL comes or goes just now. */
export function isCannotOpen(error: unknown): boolean {
  return isSqliteError(error) && (error.errcode & 0xff) === cannotOpen;
}

/** Turns what node:sqlite throws into a `QuorateError`; a `QuorateError` stays itself. */
export function mapSqliteError(error: unknown): QuorateError {
  if (isQuorateError(error)) {
    return error;
  }
  if (isSqliteError(error)) {
    return fromResultCode(error);
  }
  return fromNodeError(error);
}

function fromResultCode(error: SqliteError): QuorateError {
  const code = codes[error.errcode & 0xff] ?? 'SQL_ERROR';
  const sqliteCode = constraintNames[error.errcode] ?? error.errstr;
  return new QuorateError(code, error.message, {
    cause: error,
    hint: hints[code],
    details: { sqliteCode, sqliteErrorNumber: error.errcode },
  });
}

/** Errors of node:sqlite itself, known by their `code`. */
function fromNodeError(error: unknown): QuorateError {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const message = error instanceof Error ? error.message : String(error);
  if (code === 'ERR_OUT_OF_RANGE') {
    return new QuorateError('INTEGER_OUT_OF_RANGE', message, {
      cause: error,
      hint: 'Ask for the result with the bigint option.',
    });
  }
  const invalid = code === 'ERR_INVALID_STATE' || code === 'ERR_INVALID_ARG_TYPE' || code === 'ERR_INVALID_ARG_VALUE';
  return new QuorateError(invalid ? 'INVALID_ARGUMENT' : 'INTERNAL', message, { cause: error });
}
