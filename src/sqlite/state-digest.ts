import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { ByteWriter } from './byte-writer.ts';
import type { SchemaRow } from './schema-hash.ts';
import type { SqlValue } from './types.ts';

const noLimit = Number.POSITIVE_INFINITY;

/** Writes what a database holds besides its tables: sqlite_sequence, user_version and application_id. */
export function writeState(db: DatabaseSync, schema: readonly SchemaRow[], writer: ByteWriter): void {
  const hasSequences = schema.some((row) => row.name === 'sqlite_sequence');
  const select = 'SELECT name, seq FROM sqlite_sequence ORDER BY name, seq';
  for (const row of hasSequences ? db.prepare(select, { readBigInts: true }).all() : []) {
    writer.name(String(row.name));
    writer.value(row.seq as SqlValue);
  }
  for (const pragma of ['user_version', 'application_id']) {
    writer.value(db.prepare(`PRAGMA ${pragma}`, { readBigInts: true }).get()?.[pragma] as SqlValue);
  }
}

/** SHA-256 of that, 32 bytes. */
export function digestState(db: DatabaseSync, schema: readonly SchemaRow[]): Uint8Array {
  const writer = new ByteWriter(noLimit);
  writeState(db, schema, writer);
  return createHash('sha256').update(writer.bytes.subarray(0, writer.length)).digest();
}
