import type { DatabaseSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import { tokenize } from './tokenizer.ts';

/** https://www.sqlite.org/datatype3.html section 3.1; BLOB is also called "no affinity". */
export type Affinity = 'INTEGER' | 'TEXT' | 'BLOB' | 'REAL' | 'NUMERIC';

export interface ColumnShape {
  readonly name: string;
  readonly affinity: Affinity;
  /** Text is usual in it: the capture trigger passes its length in bytes along. */
  readonly textual: boolean;
  /** Its values keep their type, so 1 and 1.0 are different in it (no affinity). */
  readonly untyped: boolean;
}

export type TableKind = 'ordinary' | 'shadow' | 'virtual';

/** What capture and apply need to know of a table of the main schema. */
export interface TableShape {
  readonly number: number;
  readonly name: string;
  readonly kind: TableKind;
  /** The text in the schema that this was read from. */
  readonly sql: string;
  /** Rows are identified by the primary key's values; otherwise by the rowid, through the one key column. */
  readonly keyedByPrimaryKey: boolean;
  readonly keyColumns: readonly ColumnShape[];
  /** All stored columns that are not in the key; generated columns are left out. */
  readonly valueColumns: readonly ColumnShape[];
  readonly autoincrement: boolean;
  /** A constraint of the table has ON CONFLICT REPLACE. */
  readonly replaces: boolean;
  /** A constraint of the table has ON CONFLICT FAIL. */
  readonly fails: boolean;
  /** A foreign key of the table is checked at commit only. */
  readonly deferredForeignKeys: boolean;
  /** A foreign key of the table has an action when its parent gets another key. */
  readonly updateActions: boolean;
}

/** A row of `PRAGMA table_list` with the text of the schema. */
export interface TableListing {
  readonly name: string;
  readonly type: TableKind;
  readonly withoutRowid: boolean;
  readonly strict: boolean;
  readonly sql: string;
}

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly pk: number;
  readonly hidden: number;
}

/** STRICT tables have no affinity for ANY only. */
function affinityOf(type: string, strict: boolean): Affinity {
  const upper = type.toUpperCase();
  if (strict && upper === 'ANY') {
    return 'BLOB';
  }
  if (upper.includes('INT')) {
    return 'INTEGER';
  }
  if (/CHAR|CLOB|TEXT/.test(upper)) {
    return 'TEXT';
  }
  if (upper === '' || upper.includes('BLOB')) {
    return 'BLOB';
  }
  return /REAL|FLOA|DOUB/.test(upper) ? 'REAL' : 'NUMERIC';
}

function columnShape(row: ColumnRow, strict: boolean): ColumnShape {
  const affinity = affinityOf(row.type, strict);
  const strictBlob = strict && row.type.toUpperCase() === 'BLOB';
  return {
    name: row.name,
    affinity,
    textual: affinity === 'TEXT' || (affinity === 'BLOB' && !strictBlob),
    untyped: affinity === 'BLOB',
  };
}

/** A name of the rowid that no column has taken. */
function freeRowidName(listing: TableListing, columns: readonly ColumnRow[]): string {
  const taken = new Set(columns.map((column) => column.name.toLowerCase()));
  const free = ['rowid', '_rowid_', 'oid'].find((name) => !taken.has(name));
  if (free === undefined) {
    throw new QuorateError(
      'UNSUPPORTED_STATEMENT',
      `the table ${listing.name} has columns named rowid, _rowid_ and oid, so its rows cannot be identified`,
      { hint: 'Rename one of these columns, or declare an INTEGER PRIMARY KEY.', details: { table: listing.name } },
    );
  }
  return free;
}

/** The column that is the rowid itself (INTEGER PRIMARY KEY, which then has no index of its own). */
function rowidColumn(db: DatabaseSync, name: string, keys: readonly ColumnRow[]): ColumnRow | undefined {
  const [only] = keys;
  if (keys.length !== 1 || only === undefined || only.type.toUpperCase() !== 'INTEGER') {
    return undefined;
  }
  const index = db.prepare("SELECT 1 FROM pragma_index_list(?, 'main') WHERE origin = 'pk'").get(name);
  return index === undefined ? only : undefined;
}

interface TableWords {
  readonly autoincrement: boolean;
  readonly replaces: boolean;
  readonly fails: boolean;
  readonly deferredForeignKeys: boolean;
  readonly updateActions: boolean;
}

function tableWords(sql: string): TableWords {
  const words = tokenize(sql).flatMap((token) => (token.kind === 'word' ? [token.text] : []));
  const afterConflict = (word: string) => words.some((text, i) => text === word && words[i - 1] === 'CONFLICT');
  return {
    autoincrement: words.includes('AUTOINCREMENT'),
    replaces: afterConflict('REPLACE'),
    fails: afterConflict('FAIL'),
    deferredForeignKeys: words.some((text, i) => text === 'DEFERRED' && words[i - 1] === 'INITIALLY'),
    updateActions: words.some((text, i) => text === 'UPDATE' && words[i - 1] === 'ON'),
  };
}

function readColumns(db: DatabaseSync, table: string): ColumnRow[] {
  const rows = db.prepare("SELECT name, type, pk, hidden FROM pragma_table_xinfo(?, 'main')").all(table);
  return rows.map(({ name, type, pk, hidden }) => ({
    name: name as string,
    type: type as string,
    pk: Number(pk),
    hidden: Number(hidden),
  }));
}

/** Reads the shape of a table. @throws QuorateError UNSUPPORTED_STATEMENT if its rows cannot be identified */
export function readTableShape(db: DatabaseSync, listing: TableListing, number: number): TableShape {
  const { strict, withoutRowid } = listing;
  const columns = readColumns(db, listing.name);
  const base = { number, name: listing.name, kind: listing.type, sql: listing.sql, ...tableWords(listing.sql) };
  if (listing.type === 'virtual') {
    return { ...base, keyedByPrimaryKey: false, keyColumns: [], valueColumns: [] };
  }
  const stored = columns.filter((column) => column.hidden === 0);
  const keys = stored.filter((column) => column.pk > 0).sort((a, b) => a.pk - b.pk);
  const rowid = withoutRowid ? undefined : rowidColumn(db, listing.name, keys);
  // The session extension, which captures shadow tables, knows rows by their primary key only.
  const keyedByPrimaryKey = withoutRowid || (listing.type === 'shadow' && keys.length > 0 && rowid === undefined);
  if (keyedByPrimaryKey) {
    const values = stored.filter((column) => column.pk === 0);
    return { ...base, keyedByPrimaryKey, keyColumns: shapes(keys, strict), valueColumns: shapes(values, strict) };
  }
  const key = {
    name: rowid?.name ?? freeRowidName(listing, columns),
    affinity: 'INTEGER',
    textual: false,
    untyped: false,
  } as const;
  const values = stored.filter((column) => column !== rowid);
  return { ...base, keyedByPrimaryKey, keyColumns: [key], valueColumns: shapes(values, strict) };
}

function shapes(columns: readonly ColumnRow[], strict: boolean): ColumnShape[] {
  return columns.map((column) => columnShape(column, strict));
}
