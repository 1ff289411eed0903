import type { SqlValue, StatementResult } from '../sqlite/interface.ts';

/** Rows as objects without a prototype, as node:sqlite makes them, so that no column name means anything else. */
export function rowObjects<R extends object>(result: Pick<StatementResult, 'columns' | 'rows'>): R[] {
  return result.rows.map((row) => rowObject<R>(result.columns, row));
}

function rowObject<R extends object>(columns: readonly string[], row: readonly SqlValue[]): R {
  const object: Record<string, SqlValue> = Object.create(null);
  for (let index = 0; index < columns.length; index += 1) {
    object[columns[index] as string] = row[index] as SqlValue;
  }
  return object as R;
}
