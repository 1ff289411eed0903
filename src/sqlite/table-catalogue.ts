import type { DatabaseSync } from 'node:sqlite';
import { isInternalName, suspendedTable } from './internal-names.ts';
import { hashSchema, isLogical, type SchemaRow } from './schema-hash.ts';
import { readTableShape, type TableListing, type TableShape } from './table-shape.ts';
import { type TriggerTraits, triggerTraits } from './trigger-traits.ts';

/** The schema at one moment; never changed, so an undone schema change is undone by taking the older one again. */
export interface SchemaSnapshot {
  readonly tables: ReadonlyMap<string, TableShape>;
  readonly schemaHash: bigint;
  /** Some trigger uses REPLACE. */
  readonly triggersReplace: boolean;
  /** Some trigger uses OR FAIL or RAISE(FAIL). */
  readonly triggersFail: boolean;
  /** Names of the tables whose BEFORE triggers write, so that old values seen by AFTER triggers may be stale. */
  readonly writtenBefore: ReadonlySet<string>;
  /** Some foreign key is checked at commit only. */
  readonly deferredForeignKeys: boolean;
  /** Names, in lower case, of tables whose new keys are passed on to other rows by foreign keys. */
  readonly cascadingParents: ReadonlySet<string>;
  /**
   * Tables with deferred foreign keys whose BEFORE triggers write to them: SQLite counts violations by values that are
   * stale then, and can refuse a COMMIT in which nothing is violated.
   */
  readonly miscountedTables: readonly string[];
  /** Names of tables, views and indexes that start as Quorate's own do. */
  readonly internalNames: readonly string[];
}

interface TableTrigger extends TriggerTraits {
  readonly table: string;
}

const listSql = `
  SELECT l.name, l.type, l.wr, l.strict, s.sql
  FROM pragma_table_list l JOIN main.sqlite_schema s ON s.type = 'table' AND s.name = l.name
  WHERE l.schema = 'main' AND l.type IN ('table', 'virtual', 'shadow')`;

/** Reads the schema of the main database, and only what has changed since the last time. */
export class TableCatalogue {
  readonly #db: DatabaseSync;
  /** By number; only grows, since captured changes and triggers refer to tables by number. */
  readonly #shapes: TableShape[] = [];
  #traits = new Map<string, TriggerTraits>();
  #current: SchemaSnapshot;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#current = this.#read(new Map());
  }

  get current(): SchemaSnapshot {
    return this.#current;
  }

  /** The table with a number, also of a schema that is no longer the current one. */
  shape(number: number): TableShape {
    return this.#shapes[number] as TableShape;
  }

  /** Reads the schema again after it may have changed. */
  refresh(): SchemaSnapshot {
    this.#current = this.#read(this.#current.tables);
    return this.#current;
  }

  /** Goes back to a schema that a rollback has brought back. */
  restore(snapshot: SchemaSnapshot): void {
    this.#current = snapshot;
  }

  #read(known: ReadonlyMap<string, TableShape>): SchemaSnapshot {
    const rows = this.schemaRows();
    const tables = this.#tables(known);
    const traits = this.#readTriggers(rows.filter((row) => row.type === 'trigger' && isLogical(row)));
    return {
      tables,
      schemaHash: hashSchema(rows),
      triggersReplace: traits.some((trigger) => trigger.replaces),
      triggersFail: traits.some((trigger) => trigger.fails),
      writtenBefore: new Set(traits.filter((trigger) => trigger.writesBefore).map((trigger) => trigger.table)),
      deferredForeignKeys: [...tables.values()].some((table) => table.deferredForeignKeys),
      cascadingParents: this.#cascadingParents(tables),
      miscountedTables: this.#miscounted(tables, traits),
      internalNames: rows.flatMap((row) => (isInternalName(row.name) ? [row.name] : [])),
    };
  }

  /** All schema rows, suspended triggers included. */
  schemaRows(): SchemaRow[] {
    const rows = this.#db.prepare('SELECT type, name, tbl_name, sql FROM main.sqlite_schema').all();
    const schema = rows as unknown as SchemaRow[];
    if (!schema.some((row) => row.name === suspendedTable)) {
      return schema;
    }
    const suspended = this.#db.prepare(`SELECT 'trigger' AS type, name, tbl_name, sql FROM main.${suspendedTable}`);
    return [...schema, ...(suspended.all() as unknown as SchemaRow[])];
  }

  #tables(known: ReadonlyMap<string, TableShape>): Map<string, TableShape> {
    const tables = new Map<string, TableShape>();
    for (const row of this.#db.prepare(listSql).all()) {
      const name = row.name as string;
      if (!/^(sqlite_|_quorate_)/i.test(name)) {
        const listing: TableListing = {
          name,
          type: row.type === 'table' ? 'ordinary' : (row.type as 'shadow' | 'virtual'),
          withoutRowid: Number(row.wr) === 1,
          strict: Number(row.strict) === 1,
          sql: row.sql as string,
        };
        tables.set(name, this.#shapeOf(listing, known.get(name)));
      }
    }
    return tables;
  }

  #miscounted(tables: ReadonlyMap<string, TableShape>, traits: readonly TableTrigger[]): string[] {
    const triggers = traits.filter((trigger) => trigger.writesOwnTableBefore);
    if (triggers.length === 0) {
      return [];
    }
    const children = [...tables.values()].filter((table) => table.deferredForeignKeys);
    const list = this.#db.prepare(`SELECT "table" AS parent FROM pragma_foreign_key_list(?, 'main')`);
    const parents = children.flatMap((table) => list.all(table.name).map((row) => row.parent as string));
    const counted = new Set([...children.map((table) => table.name), ...parents].map((name) => name.toLowerCase()));
    return triggers.flatMap(({ table }) => (counted.has(table.toLowerCase()) ? [table] : []));
  }

  #cascadingParents(tables: ReadonlyMap<string, TableShape>): Set<string> {
    const children = [...tables.values()].filter((table) => table.updateActions);
    const list = this.#db.prepare(
      `SELECT lower("table") AS parent FROM pragma_foreign_key_list(?, 'main')
       WHERE on_update IN ('CASCADE', 'SET NULL', 'SET DEFAULT')`,
    );
    return new Set(children.flatMap((table) => list.all(table.name).map((row) => row.parent as string)));
  }

  #shapeOf(listing: TableListing, known: TableShape | undefined): TableShape {
    if (known?.sql === listing.sql && known.kind === listing.type) {
      return known;
    }
    const shape = readTableShape(this.#db, listing, this.#shapes.length);
    this.#shapes.push(shape);
    return shape;
  }

  #readTriggers(rows: readonly SchemaRow[]): TableTrigger[] {
    const known = this.#traits;
    this.#traits = new Map(rows.map(({ sql }) => [sql ?? '', known.get(sql ?? '') ?? triggerTraits(sql ?? '')]));
    return rows.map((row) => ({ table: row.tbl_name, ...(this.#traits.get(row.sql ?? '') as TriggerTraits) }));
  }
}
