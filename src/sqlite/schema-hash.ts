import { createHash } from 'node:crypto';

/** A row of `sqlite_schema`. */
export interface SchemaRow {
  readonly type: string;
  readonly name: string;
  readonly tbl_name: string;
  readonly sql: string | null;
}

/** Whether a row belongs to what users declared: not SQLite's own objects, not Quorate's. */
export function isLogical(row: SchemaRow): boolean {
  return !/^(sqlite_|_quorate_)/i.test(row.name);
}

function compareRows(a: SchemaRow, b: SchemaRow): number {
  const left = `${a.type}\0${a.name}`;
  const right = `${b.type}\0${b.name}`;
  return left < right ? -1 : Number(left > right);
}

/** The logical rows as one text that is equal exactly when they are: each field with its length before it. */
export function canonicalSchema(rows: readonly SchemaRow[]): string {
  const fields = rows
    .filter(isLogical)
    .sort(compareRows)
    .flatMap((row) => [row.type, row.name, row.tbl_name, row.sql ?? '']);
  return fields.map((field) => `${field.length}:${field}`).join('');
}

/** First 8 bytes of SHA-256 over the logical schema rows, as an unsigned number. */
export function hashSchema(rows: readonly SchemaRow[]): bigint {
  return createHash('sha256').update(canonicalSchema(rows), 'utf8').digest().readBigUInt64BE(0);
}
