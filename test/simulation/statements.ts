import type { Statement } from '../../src/sqlite/interface.ts';
import type { Chance } from './chance.ts';

/** What the database begins with: each one a transaction of its own. */
export const schema: readonly string[] = [
  'CREATE TABLE marker (name TEXT)',
  'CREATE TABLE account (id INTEGER PRIMARY KEY, owner TEXT UNIQUE, balance REAL NOT NULL DEFAULT 0, note BLOB)',
  'CREATE TABLE audit (account INTEGER, change REAL)',
  `CREATE TRIGGER account_audit AFTER UPDATE OF balance ON account BEGIN
     INSERT INTO audit VALUES (new.id, new.balance - old.balance);
   END`,
  'CREATE TABLE setting (name TEXT NOT NULL, area INTEGER NOT NULL, value, PRIMARY KEY (area, name)) WITHOUT ROWID',
];

const accounts = 40;

/** Random statements, some of which SQLite refuses. */
export class StatementSource {
  readonly #chance: Chance;
  #columns = 0;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** The statements of one transaction; the first one leaves `name` in its record. */
  transaction(name: string, maxBlobBytes: number): Statement[] {
    const statements: Statement[] = [{ sql: 'INSERT INTO marker VALUES (?)', parameters: [name] }];
    const count = this.#chance.integer(0, 4);
    for (let index = 0; index < count; index += 1) {
      statements.push(this.#chance.happens(0.03) ? this.#schemaChange() : this.#rowChange(maxBlobBytes));
    }
    return statements;
  }

  #rowChange(maxBlobBytes: number): Statement {
    const chance = this.#chance;
    const id = chance.integer(1, accounts);
    const owner = `owner ${chance.integer(1, accounts * 2)}`;
    const change = chance.integer(-500, 500) / 4;
    const note = chance.random.bytes(chance.happens(0.1) ? chance.integer(0, maxBlobBytes) : chance.integer(0, 40));
    return chance.pick<Statement>([
      { sql: 'INSERT INTO account (owner, balance, note) VALUES (?, ?, ?)', parameters: [owner, change, note] },
      { sql: 'INSERT OR REPLACE INTO account (id, owner, note) VALUES (?, ?, ?)', parameters: [id, owner, note] },
      { sql: 'UPDATE account SET balance = balance + ? WHERE id = ?', parameters: [change, id] },
      { sql: 'UPDATE account SET balance = balance * 2 WHERE id BETWEEN ? AND ?', parameters: [id, id + 3] },
      { sql: 'DELETE FROM account WHERE id = ?', parameters: [id] },
      { sql: 'DELETE FROM audit WHERE rowid IN (SELECT rowid FROM audit ORDER BY rowid LIMIT 5)' },
      {
        sql: 'INSERT INTO setting VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
        parameters: [`setting ${chance.integer(1, 5)}`, chance.integer(1, 3), change],
      },
      { sql: 'UPDATE account SET id = id + 1000 WHERE id = ?', parameters: [id] },
      { sql: 'UPDATE OR ROLLBACK account SET owner = ? WHERE id = ?', parameters: [owner, id] },
    ]);
  }

  #schemaChange(): Statement {
    this.#columns += 1;
    const column = `extra${this.#columns}`;
    return this.#chance.pick<Statement>([
      { sql: `ALTER TABLE setting ADD COLUMN ${column} TEXT DEFAULT 'none'` },
      { sql: `CREATE INDEX IF NOT EXISTS account_balance ON account (balance)` },
      { sql: 'DROP INDEX IF EXISTS account_balance' },
      { sql: `CREATE TABLE ${column} AS SELECT * FROM setting` },
    ]);
  }
}
