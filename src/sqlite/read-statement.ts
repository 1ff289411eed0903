import type { StatementSync } from 'node:sqlite';
import { listParameters, type ParameterList } from './value-binding.ts';

/** How a statement returns rows. */
export type RowMode = 'object' | 'array' | 'object-bigint' | 'array-bigint';

interface Columns {
  readonly names: readonly string[];
  readonly types: readonly (string | null)[];
}

/** node:sqlite has `stat` since Node 26; the counter shows whether the columns may have changed. */
interface StatementWithStatistics {
  stat?: (counter: 'reprepare') => number;
}

/** A prepared query with what is known of it. */
export class ReadStatement {
  readonly statement: StatementSync;
  readonly parameters: ParameterList;
  #mode: RowMode = 'object';
  #columns: Columns | undefined;
  #prepares = 0;

  constructor(statement: StatementSync, sql: string) {
    this.statement = statement;
    this.parameters = listParameters(sql);
  }

  set mode(mode: RowMode) {
    if (this.#mode !== mode) {
      this.statement.setReturnArrays(mode === 'array' || mode === 'array-bigint');
      this.statement.setReadBigInts(mode === 'array-bigint' || mode === 'object-bigint');
      this.#mode = mode;
    }
  }

  /** Names and types, as of the last execution: SQLite prepares a statement again when the schema has changed. */
  get columns(): Columns {
    const prepares = (this.statement as StatementWithStatistics).stat?.('reprepare');
    if (this.#columns === undefined || prepares === undefined || prepares !== this.#prepares) {
      const columns = this.statement.columns();
      this.#columns = { names: columns.map((column) => column.name), types: columns.map((column) => column.type) };
      this.#prepares = prepares ?? 0;
    }
    return this.#columns;
  }
}
