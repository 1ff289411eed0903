import type { DatabaseSync } from 'node:sqlite';
import { suspendedTable } from './internal-names.ts';
import { quoteIdentifier } from './tokenizer.ts';

/**
 * Takes all triggers out of the schema and keeps their texts, in the order of their creation: a replica gets what
 * triggers did as row changes, so they must not run again. To be called inside a transaction.
 */
export function suspendTriggers(db: DatabaseSync): void {
  const triggers = db.prepare(
    "SELECT name, tbl_name, sql FROM main.sqlite_schema WHERE type = 'trigger' ORDER BY rowid",
  );
  const keep = db.prepare(`INSERT INTO main.${suspendedTable} (name, tbl_name, sql) VALUES (?, ?, ?)`);
  for (const { name, tbl_name: table, sql } of triggers.all()) {
    keep.run(name as string, table as string, sql as string);
    db.exec(`DROP TRIGGER main.${quoteIdentifier(name as string)}`);
  }
}

/** Puts the suspended triggers back, in the order of their creation. To be called inside a transaction. */
export function restoreTriggers(db: DatabaseSync): void {
  for (const { sql } of db.prepare(`SELECT sql FROM main.${suspendedTable} ORDER BY position`).all()) {
    db.exec(sql as string);
  }
  db.exec(`DELETE FROM main.${suspendedTable}`);
}

/** Whether any trigger is suspended. */
export function hasSuspendedTriggers(db: DatabaseSync): boolean {
  return db.prepare(`SELECT 1 FROM main.${suspendedTable} LIMIT 1`).get() !== undefined;
}
