import type { DatabaseSync } from 'node:sqlite';
import { assertInvariant } from '../errors/interface.ts';
import { rowItems } from './operation-format.ts';
import type { ShadowCapture } from './shadow-capture.ts';
import type { StoredRow } from './stored-rows.ts';
import type { TableCatalogue } from './table-catalogue.ts';
import type { TableShape } from './table-shape.ts';
import { TableWriter } from './table-writer.ts';
import { quoteIdentifier } from './tokenizer.ts';

/** Writes rows with their rowids into tables of a primary, shadow tables included, inside a client transaction. */
export class RowImporter {
  readonly #db: DatabaseSync;
  readonly #catalogue: TableCatalogue;
  readonly #shadow: ShadowCapture;
  #writer: TableWriter | undefined;
  #table: TableShape | undefined;

  constructor(db: DatabaseSync, catalogue: TableCatalogue, shadow: ShadowCapture) {
    this.#db = db;
    this.#catalogue = catalogue;
    this.#shadow = shadow;
  }

  /** Empties a shadow table of what creating its virtual table has put there. */
  clear(tableName: string): void {
    this.#select(tableName);
    this.#db.exec(`DELETE FROM main.${quoteIdentifier(tableName)}`);
  }

  /** Inserts one row. */
  insert(tableName: string, { key, values }: StoredRow): void {
    this.#select(tableName).apply({
      kind: rowItems.insert,
      flags: 0,
      key,
      newKey: [],
      changed: [],
      changedKey: '',
      before: [],
      after: values,
    });
  }

  /** Foreign keys are checked by nobody while rows come in the order of tables. Not inside a transaction. */
  enforceForeignKeys(enforce: boolean): void {
    this.#db.exec(`PRAGMA foreign_keys = ${enforce}`);
  }

  /** Makes virtual tables read their shadow tables anew. Not inside a transaction. */
  finish(): void {
    this.#writer?.close();
    this.#db.exec('PRAGMA writable_schema = RESET');
  }

  #select(tableName: string): TableWriter {
    const table = this.#catalogue.current.tables.get(tableName);
    assertInvariant(table !== undefined, `the imported table ${tableName} exists`);
    if (table.kind === 'shadow') {
      this.#shadow.open();
    }
    if (this.#writer === undefined || table !== this.#table) {
      this.#writer?.close();
      this.#writer = new TableWriter(this.#db, table);
      this.#table = table;
    }
    return this.#writer;
  }
}
