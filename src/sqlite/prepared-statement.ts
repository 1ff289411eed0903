import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { collectRows, type ResultLimits } from './result-limits.ts';
import type { StatementEffects } from './statement-authorizer.ts';
import type { SqlValue, Statement, StatementKind, StatementResult } from './types.ts';
import { type BoundParameters, bindParameters, listParameters, type ParameterList } from './value-binding.ts';

interface StatementFields {
  /** The statement alone, without semicolon. */
  readonly sql: string;
  readonly statement: StatementSync;
  readonly kind: StatementKind;
  readonly effects: StatementEffects;
}

const noRows: StatementResult['rows'] = [];
const noColumns: readonly string[] = [];

/** A statement of a client, prepared, with all that must be known to run it. */
export class PreparedStatement {
  readonly sql: string;
  readonly statement: StatementSync;
  readonly kind: StatementKind;
  readonly effects: StatementEffects;
  readonly parameters: ParameterList;
  readonly columns: readonly string[];
  readonly columnTypes: readonly (string | null)[];
  #bigint = true;

  constructor({ sql, statement, kind, effects }: StatementFields) {
    const columns = statement.columns();
    this.sql = sql;
    this.statement = statement;
    this.kind = kind;
    this.effects = effects;
    this.parameters = listParameters(sql);
    this.columns = columns.length === 0 ? noColumns : columns.map((column) => column.name);
    this.columnTypes = columns.length === 0 ? [] : columns.map((column) => column.type);
    statement.setReadBigInts(true);
    statement.setReturnArrays(true);
  }

  get returnsRows(): boolean {
    return this.columns.length > 0;
  }

  bind({ parameters, exactNumbers }: Statement): BoundParameters {
    return bindParameters(this.parameters, parameters, exactNumbers);
  }

  /** Runs a statement that returns no rows. */
  execute(bound: BoundParameters): StatementResult {
    const { changes, lastInsertRowid } = this.statement.run(...(bound as SqlValue[]));
    const changed = this.kind === 'write' ? Number(changes) : 0;
    const inserted = changed > 0 && this.effects.insertedTables.size > 0;
    return {
      columns: noColumns,
      columnTypes: this.columnTypes as [],
      rows: noRows,
      changes: changed,
      lastInsertRowid: inserted ? (lastInsertRowid as bigint) : 0n,
    };
  }

  /** Runs a statement to its end and returns its rows. @throws QuorateError RESULT_TOO_LARGE */
  fetch(bound: BoundParameters, bigint: boolean, limits: ResultLimits): readonly (readonly SqlValue[])[] {
    if (bigint !== this.#bigint) {
      this.statement.setReadBigInts(bigint);
      this.#bigint = bigint;
    }
    return collectRows(this.statement, bound, limits);
  }
}

/** Reads what SQLite remembers of the last statement that wrote, for statements with RETURNING. */
export class LastChange {
  readonly #read: StatementSync;

  constructor(db: DatabaseSync) {
    this.#read = db.prepare('SELECT changes(), last_insert_rowid()', { readBigInts: true, returnArrays: true });
  }

  read(): { readonly changes: number; readonly lastInsertRowid: bigint } {
    const [changes, lastInsertRowid] = this.#read.get() as unknown as [bigint, bigint];
    return { changes: Number(changes), lastInsertRowid };
  }
}
