import { type SqlParameters, type SqlValue, type Statement, unsupportedValue } from '../sqlite/interface.ts';

/**
 * The parameters as they are now: they leave for another thread a moment later, together with those of other calls, and
 * the caller may use its arrays and buffers again at once. What could not leave at all is refused here.
 * @throws QuorateError INVALID_ARGUMENT
 */
export function parametersNow(parameters: SqlParameters | undefined): SqlParameters | undefined {
  if (parameters === undefined) {
    return undefined;
  }
  if (Array.isArray(parameters)) {
    return parameters.map(valueNow);
  }
  return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, valueNow(value)]));
}

/** The same for a whole statement, which may be its text alone. */
export function statementNow(statement: string | Statement): Statement {
  return typeof statement === 'string'
    ? { sql: statement }
    : { sql: statement.sql, parameters: parametersNow(statement.parameters) };
}

function valueNow(value: SqlValue): SqlValue {
  switch (typeof value) {
    case 'number':
    case 'bigint':
    case 'string':
      return value;
    default:
      if (value === null) {
        return value;
      }
      if (value instanceof Uint8Array) {
        // Not a view: the whole buffer behind it would travel along.
        return Uint8Array.from(value);
      }
      throw unsupportedValue(value);
  }
}
