import { DatabaseSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import { requireCapturable } from './capture-triggers.ts';
import { miscountedRefusal } from './client-executor.ts';
import { isInternalName } from './internal-names.ts';
import { requireUtf8 } from './internal-schema.ts';
import type { SchemaRow } from './schema-hash.ts';
import { moduleRefusal } from './statement-authorizer.ts';
import { readRows, type StoredRow } from './stored-rows.ts';
import { TableCatalogue } from './table-catalogue.ts';
import type { TableShape } from './table-shape.ts';
import { identifierOf, quoteIdentifier, tokenize } from './tokenizer.ts';
import type { SqlValue } from './types.ts';
import { translated } from './writing-connection.ts';

/** A row with the names of its columns. */
export interface ShownRow {
  readonly columns: readonly string[];
  readonly values: readonly SqlValue[];
}

/** A SQLite file that is to be imported, read as of one moment. */
export class ImportSource implements Disposable {
  readonly #db: DatabaseSync;
  readonly #catalogue: TableCatalogue;

  private constructor(db: DatabaseSync) {
    this.#db = db;
    this.#catalogue = new TableCatalogue(db);
  }

  /**
   * Opens and checks a file.
   * @throws QuorateError DATABASE_CORRUPT if SQLite finds damage; UNSUPPORTED_STATEMENT for UTF-16, tables that cannot
   *   be replicated, or a file that belongs to a node; IO_ERROR
   */
  static open(path: string): ImportSource {
    return translated(() => {
      const db = new DatabaseSync(path, { readOnly: true });
      try {
        db.exec('BEGIN');
        requireUtf8(db);
        const source = new ImportSource(db);
        source.#check();
        return source;
      } catch (error) {
        db.close();
        throw error;
      }
    });
  }

  /** Schema rows of a type, in the order of their creation. */
  schema(type: 'index' | 'view' | 'trigger'): SchemaRow[] {
    return this.#catalogue.schemaRows().filter((row) => row.type === type && row.sql !== null);
  }

  /** Tables that are no part of a virtual table. */
  get ordinaryTables(): TableShape[] {
    return this.#tables('ordinary');
  }

  get virtualTables(): TableShape[] {
    return this.#tables('virtual');
  }

  get shadowTables(): TableShape[] {
    return this.#tables('shadow');
  }

  rows(table: TableShape): Generator<StoredRow> {
    return readRows(this.#db, table);
  }

  /** Rows of a virtual table as a query shows them, its columns behind the rowid if asked for. */
  *shownRows(table: TableShape, withRowid: boolean): Generator<ShownRow> {
    const found = this.#db.prepare("SELECT name FROM pragma_table_xinfo(?, 'main') WHERE hidden = 0").all(table.name);
    const columns = [...(withRowid ? ['rowid'] : []), ...found.map(({ name }) => name as string)];
    const list = columns.map(quoteIdentifier).join(', ');
    const select = `SELECT ${list} FROM main.${quoteIdentifier(table.name)}`;
    const rows = this.#db.prepare(select, { readBigInts: true, returnArrays: true }).iterate();
    for (const values of rows as Iterable<unknown>) {
      yield { columns, values: values as readonly SqlValue[] };
    }
  }

  sequences(): [SqlValue, SqlValue][] {
    const present = this.#catalogue.schemaRows().some((row) => row.name === 'sqlite_sequence');
    const select = 'SELECT name, seq FROM sqlite_sequence';
    const rows = present ? this.#db.prepare(select, { readBigInts: true }).all() : [];
    return rows.map((row) => [row.name as SqlValue, row.seq as SqlValue]);
  }

  pragma(name: 'user_version' | 'application_id'): number {
    return this.#db.prepare(`PRAGMA ${name}`).get()?.[name] as number;
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }

  #tables(kind: TableShape['kind']): TableShape[] {
    return [...this.#catalogue.current.tables.values()].filter((table) => table.kind === kind);
  }

  /** What the statements would refuse later, after most of the file was copied. */
  #checkTables(): void {
    for (const table of this.virtualTables) {
      const tokens = tokenize(table.sql);
      const module = tokens[tokens.findIndex((token) => token.text === 'USING') + 1];
      const refusal = module === undefined ? undefined : moduleRefusal(identifierOf(table.sql, module));
      if (refusal !== undefined) {
        throw refusal;
      }
    }
    for (const table of this.ordinaryTables) {
      requireCapturable(table);
    }
    const [miscounted] = this.#catalogue.current.miscountedTables;
    if (miscounted !== undefined) {
      throw miscountedRefusal(miscounted);
    }
  }

  #check(): void {
    if (this.#catalogue.schemaRows().some((row) => isInternalName(row.name))) {
      throw new QuorateError('UNSUPPORTED_STATEMENT', 'the file belongs to a node of Quorate', {
        hint: 'Export the database from that node and import the exported file.',
      });
    }
    this.#checkTables();
    const answer = this.#db.prepare('PRAGMA integrity_check(1)').get()?.integrity_check;
    if (answer !== 'ok') {
      throw new QuorateError('DATABASE_CORRUPT', `the file is damaged: ${String(answer)}`, {
        hint: 'Recover it with the sqlite3 shell (.recover) and import the recovered file.',
      });
    }
  }
}
