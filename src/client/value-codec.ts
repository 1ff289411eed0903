import { QuorateError } from '../errors/interface.ts';
import type { NamedValue, SqlResult, SqlStatement, Value } from '../proto/interface.ts';
import type { SqlParameters, SqlValue, Statement, StatementResult } from '../sqlite/interface.ts';

/** A result as it comes over the wire: integers are bigint always, so that no bit is lost. */
export interface QueryResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
  readonly changes: bigint;
  readonly lastInsertRowid: bigint;
}

const nullValue: Value = { kind: { $case: 'null', value: true } };

function toWireValue(value: SqlValue, exactNumbers = false): Value {
  switch (typeof value) {
    case 'bigint':
      return { kind: { $case: 'integer', value } };
    case 'number':
      // As everywhere in Quorate, a number that is an integer goes into SQLite as INTEGER; -0 is not one.
      return !exactNumbers && Number.isSafeInteger(value) && !Object.is(value, -0)
        ? { kind: { $case: 'integer', value: BigInt(value) } }
        : { kind: { $case: 'real', value } };
    case 'string':
      return { kind: { $case: 'text', value } };
    default:
      return value === null
        ? nullValue
        : { kind: { $case: 'blob', value: Buffer.from(value.buffer, value.byteOffset, value.byteLength) } };
  }
}

function fromWireValue(value: Value | undefined): SqlValue {
  const kind = value?.kind;
  if (kind === undefined) {
    throw new QuorateError('PROTOCOL_ERROR', 'a value without a kind was received');
  }
  return kind.$case === 'null' ? null : kind.value;
}

function isPositional(parameters: SqlParameters): parameters is readonly SqlValue[] {
  return Array.isArray(parameters);
}

/** A statement with its parameters, for an ExecuteRequest. */
export function toWireStatement({ sql, parameters = [], exactNumbers = false }: Statement): SqlStatement {
  const wire = (value: SqlValue) => toWireValue(value, exactNumbers);
  if (isPositional(parameters)) {
    return { sql, positional: parameters.map(wire), named: [], exactNumbers };
  }
  const named = Object.entries(parameters).map(([name, value]): NamedValue => ({ name, value: wire(value) }));
  return { sql, positional: [], named, exactNumbers };
}

/** @throws QuorateError INVALID_ARGUMENT when a statement has both kinds of parameters */
export function fromWireStatement(statement: SqlStatement): Statement {
  const { sql, positional, named, exactNumbers } = statement;
  if (named.length === 0) {
    return positional.length === 0 ? { sql } : { sql, parameters: positional.map(fromWireValue), exactNumbers };
  }
  if (positional.length > 0) {
    throw new QuorateError('INVALID_ARGUMENT', 'a statement has positional and named parameters', {
      hint: 'Use one of the two kinds.',
    });
  }
  const parameters = Object.fromEntries(named.map(({ name, value }) => [name, fromWireValue(value)]));
  return { sql, parameters, exactNumbers };
}

/**
 * A result for an ExecuteResponse. It must have been read with integers as bigint: a number is a REAL here, also when
 * it is whole.
 */
export function toWireResult(result: StatementResult): SqlResult {
  return {
    columns: [...result.columns],
    columnTypes: result.columnTypes.map((type) => type ?? ''),
    rows: result.rows.map((row) => ({ values: row.map(toWireResultValue) })),
    changes: BigInt(result.changes),
    lastInsertRowid: result.lastInsertRowid,
  };
}

function toWireResultValue(value: SqlValue): Value {
  return typeof value === 'number' ? { kind: { $case: 'real', value } } : toWireValue(value);
}

export function fromWireResult(result: SqlResult): QueryResult {
  const { columns, changes, lastInsertRowid } = result;
  return { columns, rows: result.rows.map((row) => row.values.map(fromWireValue)), changes, lastInsertRowid };
}

/** A result as the layers below know it. */
export function fromWireStatementResult(result: SqlResult): StatementResult {
  const { columns, rows, changes, lastInsertRowid } = fromWireResult(result);
  const columnTypes = result.columnTypes.map((type) => (type === '' ? null : type));
  return { columns, columnTypes, rows, changes: Number(changes), lastInsertRowid };
}
