import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import { ByteReader, RawText, type StoredValue } from './byte-reader.ts';
import { type ForeignKey, type ForeignKeyColumn, foldCase, orphanCondition, readForeignKeys } from './foreign-keys.ts';
import { changeFlags, operationKinds, rowItems } from './operation-format.ts';
import { RowChangeReader } from './row-change-reader.ts';
import { StatementCache } from './statement-cache.ts';
import type { SchemaSnapshot } from './table-catalogue.ts';
import type { TableShape } from './table-shape.ts';
import { quoteIdentifier } from './tokenizer.ts';
import type { SqlValue } from './types.ts';

const maxStatements = 200;

/** What is to be checked at the end of a client transaction. */
export interface DeferralScope {
  /** `PRAGMA defer_foreign_keys` was used, so every foreign key counts as deferred. */
  readonly all: boolean;
  /** The schema was changed meanwhile, so the captured changes may be of tables with other names. */
  readonly changesSchema: boolean;
}

/**
 * Finds violations of deferred foreign keys at the end of a client transaction. SQLite itself would find them at the
 * COMMIT of the whole group, when the transaction is in the log already.
 *
 * Only what the transaction touched is looked at: a changed child row must have its parent, and a parent row that went
 * away or got another key must have left no child behind.
 */
export class DeferredForeignKeys {
  readonly #db: DatabaseSync;
  readonly #statements = new StatementCache<{ readonly statement: StatementSync }>(maxStatements);
  #schema: SchemaSnapshot | undefined;
  #keys: readonly ForeignKey[] = [];

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** @throws QuorateError CONSTRAINT_VIOLATION */
  check(schema: SchemaSnapshot, operations: Uint8Array, { all, changesSchema }: DeferralScope): void {
    if (!all && !schema.deferredForeignKeys) {
      return;
    }
    this.#read(schema);
    const keys = this.#keys.filter((key) => all || key.child.deferredForeignKeys);
    if (changesSchema) {
      for (const key of keys) {
        this.#requireNone(key, '', []);
      }
      return;
    }
    this.#checkOperations(schema, operations, keys);
  }

  #read(schema: SchemaSnapshot): void {
    if (this.#schema !== schema) {
      this.#keys = readForeignKeys(this.#db, schema);
      this.#schema = schema;
      this.#statements.clear();
    }
  }

  #checkOperations(schema: SchemaSnapshot, operations: Uint8Array, keys: readonly ForeignKey[]): void {
    const reader = new ByteReader(operations);
    while (!reader.done) {
      const kind = reader.byte();
      const payload = reader.sizedView();
      const change = new RowChangeReader();
      change.open(new ByteReader(payload));
      while (kind === operationKinds.rows && change.next()) {
        const table = schema.tables.get(change.table?.name ?? '');
        if (table !== undefined && table.kind === 'ordinary') {
          this.#checkChange(table, change, keys);
        }
      }
    }
  }

  #checkChange(table: TableShape, change: RowChangeReader, keys: readonly ForeignKey[]): void {
    for (const key of keys) {
      if (key.child === table && change.kind !== rowItems.delete) {
        this.#checkChild(table, change, key);
      }
      if (key.parent === table) {
        this.#checkParent(table, change, key);
      }
    }
  }

  #checkChild(table: TableShape, change: RowChangeReader, key: ForeignKey): void {
    const rekeyed = (change.flags & changeFlags.rekeyed) !== 0;
    const touched =
      change.kind === rowItems.insert ||
      rekeyed ||
      key.columns.some((column) => change.changed.some((i) => sameName(table.valueColumns[i]?.name, column.child)));
    if (touched) {
      const values = rekeyed ? change.newKey : change.key;
      const names = table.keyColumns.map((column) => column.name);
      this.#requireNone(key, ...restriction(names.map((name, i) => ({ name, collation: '', value: values[i] }))));
    }
  }

  #checkParent(table: TableShape, change: RowChangeReader, key: ForeignKey): void {
    if ((change.flags & changeFlags.replace) !== 0) {
      // Rows that were replaced are not among the changes.
      return this.#requireNone(key, '', []);
    }
    if (change.kind === rowItems.insert) {
      return;
    }
    const old = oldValues(table, change);
    const gone = key.columns.filter((column) => old.has(foldCase(column.parent)));
    if (gone.length > 0) {
      const usable = gone.filter((column) => column.comparable);
      this.#requireNone(key, ...restriction(usable.map((column) => parentTerm(column, old))));
    }
  }

  /** Throws if a child row, restricted by a condition on it, has no parent. */
  #requireNone(key: ForeignKey, condition: string, parameters: readonly SqlValue[]): void {
    const child = quoteIdentifier(key.child.name);
    const sql = `SELECT 1 FROM main.${child} c WHERE ${condition}${orphanCondition(key)} LIMIT 1`;
    let entry = this.#statements.get(sql);
    if (entry === undefined) {
      entry = { statement: this.#db.prepare(sql) };
      this.#statements.set(sql, entry);
    }
    if (entry.statement.get(...parameters) !== undefined) {
      throw new QuorateError('CONSTRAINT_VIOLATION', 'FOREIGN KEY constraint failed', {
        hint: `A row of ${key.child.name} has no parent in ${key.parentName} at the end of the transaction.`,
        details: {
          sqliteCode: 'SQLITE_CONSTRAINT_FOREIGNKEY',
          sqliteErrorNumber: 787,
          table: key.child.name,
          parent: key.parentName,
        },
      });
    }
  }
}

interface Term {
  readonly name: string;
  readonly collation: string;
  readonly value: StoredValue | undefined;
}

function parentTerm(column: ForeignKeyColumn, old: ReadonlyMap<string, StoredValue>): Term {
  return { name: column.child, collation: column.collation, value: old.get(foldCase(column.parent)) };
}

/** Conditions on the child row `c`; values that cannot be bound exactly restrict nothing. */
function restriction(terms: readonly Term[]): [condition: string, parameters: SqlValue[]] {
  const usable = terms.filter((term) => term.value !== undefined && !(term.value instanceof RawText));
  const conditions = usable.map(({ name, collation }) => {
    const collate = collation === '' ? '' : ` COLLATE ${quoteIdentifier(collation)}`;
    return `c.${quoteIdentifier(name)} = ?${collate} AND `;
  });
  return [conditions.join(''), usable.map((term) => term.value as SqlValue)];
}

/** The old values of the columns that a delete or an update takes away, by folded name. */
function oldValues(table: TableShape, change: RowChangeReader): Map<string, StoredValue> {
  const old = new Map<string, StoredValue>();
  const columns = change.kind === rowItems.delete ? [...table.valueColumns.keys()] : change.changed;
  for (const [i, column] of columns.entries()) {
    old.set(foldCase(table.valueColumns[column]?.name ?? ''), change.before[i] as StoredValue);
  }
  if (change.kind === rowItems.delete || (change.flags & changeFlags.rekeyed) !== 0) {
    for (const [i, column] of table.keyColumns.entries()) {
      old.set(foldCase(column.name), change.key[i] as StoredValue);
    }
  }
  return old;
}

function sameName(a: string | undefined, b: string): boolean {
  return a !== undefined && foldCase(a) === foldCase(b);
}
