import { type ErrorCode, errorCodes, QuorateError } from '../errors/interface.ts';

/** An error as Hrana has it. */
export interface WireError {
  readonly message: string;
  readonly code?: string | null | undefined;
  readonly extended_code?: string | undefined;
}

const sqliteCodes: Readonly<Record<string, ErrorCode>> = {
  SQLITE_CONSTRAINT: 'CONSTRAINT_VIOLATION',
  SQLITE_BUSY: 'DATABASE_LOCKED',
};

/** An error of a node: SQLite's own codes become those of Quorate. */
export function errorFromWire({ message, code, extended_code: sqliteCode }: WireError): QuorateError {
  const known = code ?? '';
  const ours = Object.hasOwn(errorCodes, known) ? (known as ErrorCode) : sqliteCodes[known];
  const details = sqliteCode === undefined ? undefined : { sqliteCode };
  return new QuorateError(ours ?? (known.startsWith('SQLITE_') ? 'SQL_ERROR' : 'INTERNAL'), message, { details });
}

/**
 * A request was sent, and no answer came: nobody knows whether it took effect. Everything else that an attempt throws says
 * what became of it.
 */
export class AnswerLost extends Error {
  readonly reason: QuorateError;

  constructor(reason: QuorateError) {
    super(reason.message, { cause: reason });
    this.reason = reason;
  }
}
