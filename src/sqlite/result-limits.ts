import type { StatementSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import type { SqlValue } from './types.ts';
import type { BoundParameters } from './value-binding.ts';

/** Limits on what one statement may return. */
export interface ResultLimits {
  /** More rows throw RESULT_TOO_LARGE. Default: no limit. */
  readonly maxRows?: number | undefined;
  /** Values of more bytes in all throw RESULT_TOO_LARGE (a number counts 8, a character 1). Default: no limit. */
  readonly maxBytes?: number | undefined;
}

/** Counts rows and bytes against the limits of a query. */
export class ResultCounter {
  readonly #maxRows: number;
  readonly #maxBytes: number;
  #rows = 0;
  #bytes = 0;

  constructor({ maxRows = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY }: ResultLimits) {
    this.#maxRows = maxRows;
    this.#maxBytes = maxBytes;
  }

  /** @throws QuorateError RESULT_TOO_LARGE */
  count(row: readonly SqlValue[]): void {
    this.#rows++;
    this.#bytes += rowBytes(row);
    if (this.#rows > this.#maxRows || this.#bytes > this.#maxBytes) {
      const limit = this.#rows > this.#maxRows ? `${this.#maxRows} rows` : `${this.#maxBytes} bytes`;
      throw new QuorateError('RESULT_TOO_LARGE', `the result has more than ${limit}`, {
        hint: 'Ask for fewer rows or columns, with LIMIT or page by page.',
      });
    }
  }
}

/** Runs a statement that returns rows as arrays, to its end or to a limit. @throws QuorateError RESULT_TOO_LARGE */
export function collectRows(
  statement: StatementSync,
  bound: BoundParameters,
  limits: ResultLimits,
): (readonly SqlValue[])[] {
  const values = bound as SqlValue[];
  if (limits.maxRows === undefined && limits.maxBytes === undefined) {
    return statement.all(...values) as unknown as (readonly SqlValue[])[];
  }
  const counter = new ResultCounter(limits);
  const rows: (readonly SqlValue[])[] = [];
  for (const row of stepped(statement, values)) {
    counter.count(row as readonly SqlValue[]);
    rows.push(row as readonly SqlValue[]);
  }
  return rows;
}

/**
 * Steps through the rows of a statement. When a value cannot be read (an integer beyond 2^53 as a number) node:sqlite leaves
 * the statement open, and with it a snapshot or a savepoint that cannot be released; here it is ended.
 */
export function* stepped(statement: StatementSync, values: readonly SqlValue[]): Generator<unknown> {
  const rows = statement.iterate(...values);
  try {
    yield* rows as Iterable<unknown>;
  } catch (error) {
    endQuietly(rows);
    throw error;
  }
}

/** Ending a statement that has failed reports its error again. */
function endQuietly(rows: { return?(): unknown }): void {
  try {
    rows.return?.();
  } catch {
    // The first error is on its way to the caller.
  }
}

/** Bytes of the values of a row, nearly: a number counts 8, a character 1. */
function rowBytes(values: readonly SqlValue[]): number {
  let bytes = 0;
  for (const value of values) {
    bytes += typeof value === 'string' || value instanceof Uint8Array ? value.length : 8;
  }
  return bytes;
}
