import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { RawText, type StoredValue } from './byte-reader.ts';
import { changeFlags, rowItems } from './operation-format.ts';
import type { RowChange } from './row-change-reader.ts';
import { StatementCache } from './statement-cache.ts';
import type { StoredRow } from './stored-rows.ts';
import type { ColumnShape, TableShape } from './table-shape.ts';
import { quoteIdentifier } from './tokenizer.ts';
import type { SqlValue } from './types.ts';

/** Shapes of changes per table that keep their prepared statement. */
const maxStatements = 100;

interface WriterStatement {
  readonly statement: StatementSync;
}

/** Names the parameters of one statement in order; some of them are texts bound as blobs. */
class ParameterNames {
  readonly #rawAt: ReadonlySet<number>;
  #count = 0;

  constructor(rawAt: ReadonlySet<number>) {
    this.#rawAt = rawAt;
  }

  next(): string {
    const index = this.#count++;
    return this.#rawAt.has(index) ? `CAST(?${index + 1} AS TEXT)` : `?${index + 1}`;
  }
}

/** Applies changes to one table through prepared statements. */
export class TableWriter {
  readonly #db: DatabaseSync;
  readonly #table: TableShape;
  readonly #name: string;
  readonly #statements = new StatementCache<WriterStatement>(maxStatements);
  readonly #parameters: SqlValue[] = [];
  readonly #rawAt = new Set<number>();

  constructor(db: DatabaseSync, table: TableShape) {
    this.#db = db;
    this.#table = table;
    this.#name = `main.${quoteIdentifier(table.name)}`;
  }

  /**
   * Applies one change. False: no row has the key and the old values that the change starts from.
   * @throws what node:sqlite throws, for a new row that clashes with another one
   */
  apply(change: RowChange): boolean {
    this.#parameters.length = 0;
    this.#rawAt.clear();
    const verified = (change.flags & changeFlags.unverified) === 0;
    switch (change.kind) {
      case rowItems.insert:
        this.#bindAll(change.key);
        this.#bindAll(change.after);
        break;
      case rowItems.delete:
        this.#bindAll(change.key);
        if (verified) {
          this.#bindAll(change.before);
        }
        break;
      default:
        this.#bindAll(change.newKey);
        this.#bindAll(change.after);
        this.#bindAll(change.key);
        if (verified) {
          this.#bindAll(change.before);
        }
    }
    return this.#statement(change).run(...this.#parameters).changes === 1n;
  }

  close(): void {
    this.#statements.clear();
  }

  #bindAll(values: readonly StoredValue[]): void {
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as StoredValue;
      if (value instanceof RawText) {
        this.#rawAt.add(this.#parameters.length);
        this.#parameters.push(value.bytes);
      } else {
        this.#parameters.push(value);
      }
    }
  }

  #statement(change: RowChange): StatementSync {
    const columns = change.kind === rowItems.update ? change.changedKey : '';
    const shape = `${change.kind}.${change.flags}.${columns}`;
    const key = this.#rawAt.size === 0 ? shape : `${shape}.${[...this.#rawAt].join(',')}`;
    const known = this.#statements.get(key);
    if (known !== undefined) {
      return known.statement;
    }
    const statement = this.#db.prepare(this.#sql(change, new ParameterNames(this.#rawAt)));
    this.#statements.set(key, { statement });
    return statement;
  }

  #sql(change: RowChange, names: ParameterNames): string {
    const orReplace = (change.flags & changeFlags.replace) === 0 ? '' : 'OR REPLACE ';
    switch (change.kind) {
      case rowItems.insert:
        return this.#insertSql(orReplace, names);
      case rowItems.delete:
        return `DELETE FROM ${this.#name} WHERE ${this.#condition(change, this.#table.valueColumns, names)}`;
      default:
        return this.#updateSql(change, orReplace, names);
    }
  }

  #insertSql(orReplace: string, names: ParameterNames): string {
    const columns = [...this.#table.keyColumns, ...this.#table.valueColumns];
    const list = columns.map((column) => quoteIdentifier(column.name)).join(', ');
    return `INSERT ${orReplace}INTO ${this.#name} (${list}) VALUES (${columns.map(() => names.next()).join(', ')})`;
  }

  #updateSql(change: RowChange, orReplace: string, names: ParameterNames): string {
    const changed = change.changed.map((i) => this.#table.valueColumns[i] as ColumnShape);
    const rekeyed = (change.flags & changeFlags.rekeyed) === 0 ? [] : this.#table.keyColumns;
    const assignments = [...rekeyed, ...changed].map((column) => `${quoteIdentifier(column.name)} = ${names.next()}`);
    return `UPDATE ${orReplace}${this.#name} SET ${assignments.join(', ')} WHERE ${this.#condition(change, changed, names)}`;
  }

  #condition(change: RowChange, columns: readonly ColumnShape[], names: ParameterNames): string {
    const keys = this.#table.keyColumns.map((column) => {
      const parameter = names.next();
      const found = `${quoteIdentifier(column.name)} = ${parameter}`;
      return this.#table.keyedByPrimaryKey ? `${found} AND ${sameAs(column, parameter)}` : found;
    });
    const verified = (change.flags & changeFlags.unverified) === 0;
    const values = verified ? columns.map((column) => sameAs(column, names.next())) : [];
    return conjunction([...keys, ...values]);
  }
}

/** The change that inserts or deletes a row which is known as a whole. */
export function wholeRow(kind: typeof rowItems.insert | typeof rowItems.delete, { key, values }: StoredRow): RowChange {
  const image = kind === rowItems.insert ? { before: [], after: values } : { before: values, after: [] };
  return { kind, flags: 0, key, newKey: [], changed: [], changedKey: '', ...image };
}

/** Terms that stand beside each other: SQLite takes expressions that are at most 1000 deep, and each AND adds one. */
const maxTerms = 200;

function conjunction(terms: readonly string[]): string {
  const groups: string[] = [];
  for (let start = 0; start < terms.length; start += maxTerms) {
    groups.push(terms.slice(start, start + maxTerms).join(' AND '));
  }
  return groups.length === 1 ? (groups[0] as string) : groups.map((group) => `(${group})`).join(' AND ');
}

/** True when the column holds exactly the value: no collation, no affinity, and the same type where types differ. */
function sameAs(column: ColumnShape, parameter: string): string {
  const name = quoteIdentifier(column.name);
  const same = `+${name} COLLATE BINARY IS ${parameter}`;
  return column.untyped ? `${same} AND typeof(${name}) = typeof(${parameter})` : same;
}
