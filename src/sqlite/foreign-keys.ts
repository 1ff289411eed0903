import type { DatabaseSync } from 'node:sqlite';
import type { SchemaSnapshot } from './table-catalogue.ts';
import type { Affinity, TableShape } from './table-shape.ts';
import { quoteIdentifier } from './tokenizer.ts';

/** One column of a foreign key. */
export interface ForeignKeyColumn {
  readonly child: string;
  readonly parent: string;
  /** How SQLite compares the parent's column. */
  readonly collation: string;
  /** Both columns convert values alike, so a child can be found by the parent's value. */
  readonly comparable: boolean;
}

/** A foreign key of a table. */
export interface ForeignKey {
  readonly child: TableShape;
  readonly parentName: string;
  /** Undefined where the schema has no such table. */
  readonly parent: TableShape | undefined;
  readonly columns: readonly ForeignKeyColumn[];
}

interface KeyRow {
  readonly table: string;
  readonly id: bigint;
  readonly parent: string;
  readonly child: string;
  readonly to: string | null;
}

const listSql = `
  SELECT s.name AS "table", f.id, f."table" AS parent, f."from" AS child, f."to" AS "to"
  FROM main.sqlite_schema s, pragma_foreign_key_list(s.name, 'main') f
  WHERE s.type = 'table' ORDER BY s.name, f.id, f.seq`;

/** SQLite compares names without regard to ASCII case. */
export function foldCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function affinityIn(table: TableShape | undefined, column: string): Affinity | undefined {
  const all = table === undefined ? [] : [...table.keyColumns, ...table.valueColumns];
  return all.find(({ name }) => foldCase(name) === foldCase(column))?.affinity;
}

/** Collations of the columns of a table that are in a unique index, which is where a parent key must be. */
function collationsOf(db: DatabaseSync, table: string): Map<string, string> {
  const rows = db
    .prepare(
      `SELECT x.name, x.coll FROM pragma_index_list(?, 'main') l, pragma_index_xinfo(l.name, 'main') x
       WHERE l."unique" AND x.key AND x.name IS NOT NULL`,
    )
    .all(table);
  return new Map(rows.map((row) => [foldCase(row.name as string), row.coll as string]));
}

function primaryKeyOf(db: DatabaseSync, table: string): string[] {
  const sql = "SELECT name FROM pragma_table_xinfo(?, 'main') WHERE pk > 0 ORDER BY pk";
  return db
    .prepare(sql)
    .all(table)
    .map((row) => row.name as string);
}

/** Reads all foreign keys of the schema. */
export function readForeignKeys(db: DatabaseSync, { tables }: SchemaSnapshot): ForeignKey[] {
  const byName = new Map([...tables].map(([name, table]) => [foldCase(name), table]));
  const rows = db.prepare(listSql).all() as unknown as KeyRow[];
  const groups = Map.groupBy(rows, (row) => `${row.table}\0${row.id}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    const child = first === undefined ? undefined : tables.get(first.table);
    return first === undefined || child === undefined
      ? []
      : [foreignKey(db, child, group, byName.get(foldCase(first.parent)))];
  });
}

function foreignKey(
  db: DatabaseSync,
  child: TableShape,
  rows: readonly KeyRow[],
  parent: TableShape | undefined,
): ForeignKey {
  const parentName = parent?.name ?? (rows[0] as KeyRow).parent;
  const collations = collationsOf(db, parentName);
  const primaryKey = primaryKeyOf(db, parentName);
  const columns = rows.map((row, i) => {
    const parentColumn = row.to ?? primaryKey[i] ?? '';
    return {
      child: row.child,
      parent: parentColumn,
      collation: collations.get(foldCase(parentColumn)) ?? 'BINARY',
      comparable: affinityIn(child, row.child) === affinityIn(parent, parentColumn),
    };
  });
  return { child, parentName, parent, columns };
}

/** SQL that is true for a child row `c` without its parent. */
export function orphanCondition({ columns, parent, parentName }: ForeignKey): string {
  const given = columns.map((column) => `c.${quoteIdentifier(column.child)} IS NOT NULL`);
  if (parent === undefined) {
    return given.join(' AND ');
  }
  // The plus takes the child's affinity away: the parent's counts. The parent's collation counts as it stands left.
  const matches = columns.map((column) => `p.${quoteIdentifier(column.parent)} = +c.${quoteIdentifier(column.child)}`);
  const parentRow = `SELECT 1 FROM main.${quoteIdentifier(parentName)} p WHERE ${matches.join(' AND ')}`;
  return [...given, `NOT EXISTS (${parentRow})`].join(' AND ');
}
