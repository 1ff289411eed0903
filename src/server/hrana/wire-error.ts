import { httpStatusOf, type QuorateError, type SerializedError } from '../../errors/interface.ts';

/** Names of the primary result codes, https://www.sqlite.org/rescode.html. */
const primaryNames: Readonly<Record<number, string>> = {
  1: 'SQLITE_ERROR',
  2: 'SQLITE_INTERNAL',
  3: 'SQLITE_PERM',
  4: 'SQLITE_ABORT',
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  7: 'SQLITE_NOMEM',
  8: 'SQLITE_READONLY',
  9: 'SQLITE_INTERRUPT',
  10: 'SQLITE_IOERR',
  11: 'SQLITE_CORRUPT',
  12: 'SQLITE_NOTFOUND',
  13: 'SQLITE_FULL',
  14: 'SQLITE_CANTOPEN',
  15: 'SQLITE_PROTOCOL',
  17: 'SQLITE_SCHEMA',
  18: 'SQLITE_TOOBIG',
  19: 'SQLITE_CONSTRAINT',
  20: 'SQLITE_MISMATCH',
  21: 'SQLITE_MISUSE',
  22: 'SQLITE_NOLFS',
  23: 'SQLITE_AUTH',
  25: 'SQLITE_RANGE',
  26: 'SQLITE_NOTADB',
};

/** An error as clients of Hrana see it: what SQLite said with its own code, everything else with ours. */
export interface WireError {
  readonly message: string;
  readonly code: string;
  /** The extended result code of SQLite. */
  readonly extended_code?: string;
}

/** Clients show nothing but the message, so the hint is a part of it; SQLite's own messages stay as they are. */
export function wireError({ code, message, hint, details }: SerializedError): WireError {
  const number = details?.sqliteErrorNumber;
  const name = typeof number === 'number' ? primaryNames[number & 0xff] : undefined;
  if (name === undefined) {
    return { message: hint === undefined ? message : `${message}. ${hint}`, code };
  }
  const extended = details?.sqliteCode;
  return typeof extended === 'string' && extended.startsWith(name)
    ? { message, code: name, extended_code: extended }
    : { message, code: name };
}

/** The body of an HTTP error: `error` is for clients that look for that field. */
export function httpError(error: QuorateError): { readonly status: number; readonly body: string } {
  const wire = wireError(error);
  return { status: httpStatusOf(error.code), body: JSON.stringify({ ...wire, error: wire.message }) };
}
