import type { RandomChanges } from './random-changes.ts';
import { column, type RandomColumn, type RandomModel, type RandomTable } from './random-model.ts';
import type { RandomSource } from './random-source.ts';

/** A statement, and what to call when the database took it. */
export interface RandomStatement {
  readonly sql: string;
  readonly succeeded: () => void;
}

const types = ['INTEGER', 'TEXT', 'REAL', 'BLOB', 'NUMERIC', '', 'VARCHAR(20)', 'TEXT COLLATE NOCASE', 'DATETIME'];
const strictTypes = ['INTEGER', 'TEXT', 'REAL', 'BLOB', 'ANY', 'INT'];
const columnConstraints = [
  '',
  '',
  '',
  '',
  ' UNIQUE',
  ' NOT NULL DEFAULT 0',
  ' DEFAULT 7',
  ' UNIQUE ON CONFLICT REPLACE',
  ' CHECK (1)',
  ' NOT NULL ON CONFLICT REPLACE DEFAULT 3',
];

interface RandomSchemaParts {
  readonly source: RandomSource;
  readonly model: RandomModel;
  readonly changes: RandomChanges;
  /** Full-text and R-Tree tables. */
  readonly virtualTables: boolean;
}

/** Random schema statements. */
export class RandomSchema {
  readonly #source: RandomSource;
  readonly #model: RandomModel;
  readonly #changes: RandomChanges;
  readonly #virtualTables: boolean;

  constructor({ source, model, changes, virtualTables }: RandomSchemaParts) {
    this.#source = source;
    this.#model = model;
    this.#changes = changes;
    this.#virtualTables = virtualTables;
  }

  schemaChange(): RandomStatement {
    const dice = this.#source.next();
    if (dice < 0.3) {
      return this.createTable();
    }
    if (dice < 0.45) {
      return this.indexStatement();
    }
    if (dice < 0.6) {
      return this.#triggerStatement();
    }
    if (dice < 0.66) {
      return this.#viewStatement();
    }
    return dice < 0.9 ? this.#alterTable() : this.#dropTable();
  }

  createTable(): RandomStatement {
    const dice = this.#source.next();
    if (this.#virtualTables && dice < 0.15 && this.#model.tables.length >= 2) {
      return this.#createVirtualTable();
    }
    const name = this.#source.name('t');
    if (dice < 0.22 && this.#model.tables.length >= 2) {
      const source = this.#changes.table();
      const columns = source.columns.map((column) => ({ name: column.name, generated: false }));
      const sql = `CREATE TABLE ${name} AS SELECT ${columns.map((column) => column.name).join(', ')} FROM ${source.name}`;
      return this.#adding({ name, kind: 'ordinary', columns, rowid: 'rowid' }, sql);
    }
    return this.#createOrdinaryTable(name);
  }

  #createVirtualTable(): RandomStatement {
    const kind = this.#source.pick(['fts5', 'fts4', 'rtree'] as const);
    const name = this.#source.name('v');
    const columns = (kind === 'rtree' ? ['x0', 'x1'] : ['body', 'title']).map((column) => ({
      name: column,
      generated: false,
    }));
    const list = kind === 'rtree' ? 'id, x0, x1' : 'body, title';
    return this.#adding({ name, kind, columns, rowid: 'rowid' }, `CREATE VIRTUAL TABLE ${name} USING ${kind}(${list})`);
  }

  #adding(table: RandomTable, sql: string): RandomStatement {
    return { sql, succeeded: () => this.#model.tables.push(table) };
  }

  #createOrdinaryTable(name: string): RandomStatement {
    const strict = this.#source.chance(0.2);
    const columns: RandomColumn[] = Array.from({ length: this.#source.int(1, 5) }, (_, i) => column(`c${i + 1}`));
    const typesHere = strict ? strictTypes : types;
    const definitions = columns.map(
      ({ name: own }) => `${own} ${this.#source.pick(typesHere)}${this.#source.pick(columnConstraints)}`,
    );
    const table: RandomTable = { name, kind: 'ordinary', columns, rowid: 'rowid' };
    const constraints = [...this.#foreignKeys(table), ...this.#uniqueConstraint(columns)];
    const options = strict ? ['STRICT'] : [];
    this.#addKey(table, { definitions, constraints, options });
    if (this.#source.chance(0.15)) {
      columns.push({ name: 'g', generated: true });
      definitions.push(
        `g ${strict ? 'ANY' : ''} GENERATED ALWAYS AS (c1 || 'g') ${this.#source.pick(['STORED', 'VIRTUAL'])}`,
      );
    }
    const body = [...definitions, ...constraints].join(', ');
    return this.#adding(table, `CREATE TABLE ${name} (${body}) ${options.join(', ')}`);
  }

  #addKey(table: RandomTable, parts: { definitions: string[]; constraints: string[]; options: string[] }): void {
    const dice = this.#source.next();
    if (dice < 0.45) {
      parts.definitions.unshift(`id INTEGER PRIMARY KEY${this.#source.pick(['', '', ' AUTOINCREMENT'])}`);
      table.columns.unshift(column('id'));
      table.rowid = 'id';
    } else if (dice < 0.65) {
      const keyTypes = parts.options.length > 0 ? ['TEXT', 'ANY'] : ['TEXT', 'TEXT COLLATE NOCASE', '', 'INTEGER'];
      parts.definitions.push(`k ${this.#source.pick(keyTypes)}`);
      parts.constraints.unshift(`PRIMARY KEY (k, c1)`);
      table.columns.push(column('k'));
      if (this.#source.chance(0.7)) {
        parts.options.push('WITHOUT ROWID');
        table.rowid = undefined;
      }
    }
  }

  #foreignKeys(table: RandomTable): string[] {
    const parents = [...this.#model.tables, table].filter(
      (candidate) => candidate.rowid === 'id' && candidate.kind === 'ordinary',
    );
    if (parents.length === 0 || !this.#source.chance(0.4)) {
      return [];
    }
    const action = () => this.#source.pick(['CASCADE', 'SET NULL', 'SET DEFAULT', 'CASCADE', 'NO ACTION']);
    const deferred = this.#source.chance(0.4) ? ' DEFERRABLE INITIALLY DEFERRED' : '';
    return [
      `FOREIGN KEY (c1) REFERENCES ${this.#source.pick(parents).name}(id) ON DELETE ${action()} ON UPDATE ${action()}${deferred}`,
    ];
  }

  #uniqueConstraint(columns: readonly RandomColumn[]): string[] {
    const [first, second] = columns;
    return this.#source.chance(0.15) && first !== undefined && second !== undefined
      ? [`UNIQUE (${first.name}, ${second.name})`]
      : [];
  }

  indexStatement(): RandomStatement {
    const oldest = this.#model.indexes[0];
    if (oldest !== undefined && this.#model.indexes.length > 3 && this.#source.chance(0.4)) {
      return { sql: `DROP INDEX IF EXISTS ${oldest}`, succeeded: () => this.#model.indexes.shift() };
    }
    const table = this.#changes.table();
    const own = this.#source.pick(table.columns).name;
    const name = this.#source.name('i');
    const expression = this.#source.pick([own, `${own} COLLATE NOCASE`, `lower(${own})`, `${own} DESC`]);
    const partial = this.#source.chance(0.2) ? ` WHERE ${own} > 3` : '';
    const sql = `CREATE ${this.#source.chance(0.2) ? 'UNIQUE ' : ''}INDEX ${name} ON ${table.name} (${expression})${partial}`;
    return { sql, succeeded: () => this.#model.indexes.push(name) };
  }

  #viewStatement(): RandomStatement {
    const oldest = this.#model.views[0];
    if (oldest !== undefined && this.#model.views.length > 1) {
      return { sql: `DROP VIEW ${oldest}`, succeeded: () => this.#model.views.shift() };
    }
    const name = this.#source.name('w');
    return {
      sql: `CREATE VIEW ${name} AS SELECT * FROM ${this.#changes.table().name}`,
      succeeded: () => this.#model.views.push(name),
    };
  }

  #triggerStatement(): RandomStatement {
    const oldest = this.#model.triggers[0];
    if (oldest !== undefined && this.#model.triggers.length > 4 && this.#source.chance(0.5)) {
      return { sql: `DROP TRIGGER IF EXISTS ${oldest}`, succeeded: () => this.#model.triggers.shift() };
    }
    const table =
      this.#model.tables.find((candidate) => candidate.kind === 'ordinary' && this.#source.chance(0.4)) ??
      this.#changes.table();
    const name = this.#source.name('g');
    const event = this.#source.pick(['INSERT', 'UPDATE', 'DELETE']);
    const time = this.#source.pick(['AFTER', 'AFTER', 'BEFORE']);
    const body = this.#triggerBody(table, event);
    const sql = `CREATE TRIGGER ${name} ${time} ${event} ON ${table.name} BEGIN ${body}; END`;
    return { sql, succeeded: () => this.#model.triggers.push(name) };
  }

  #triggerBody(table: RandomTable, event: string): string {
    const row = event === 'DELETE' ? 'old' : 'new';
    const column = this.#source.pick(table.columns);
    const settable = table.columns.filter((candidate) => !candidate.generated);
    const own = table.rowid !== undefined && this.#source.chance(0.5);
    const dice = this.#source.next();
    if (dice < 0.1) {
      const raise = this.#source.pick(["RAISE(ABORT, 'no')", 'RAISE(IGNORE)', "RAISE(FAIL, 'fail')"]);
      return `SELECT ${raise} WHERE ${row}.${column.name} = ${this.#changes.value()}`;
    }
    if (own) {
      return `UPDATE ${table.name} SET ${this.#source.pick(settable).name} = ${this.#changes.value()} WHERE ${table.rowid} = ${row}.${table.rowid}`;
    }
    return this.#source.chance(0.6) ? this.#changes.insert().replace(/ RETURNING \*/, '') : this.#changes.delete();
  }

  #alterTable(): RandomStatement {
    const table = this.#changes.table();
    const dice = this.#source.next();
    if (dice < 0.3) {
      const name = this.#source.name(table.kind === 'ordinary' ? 't' : 'v');
      const succeeded = () => {
        table.name = name;
      };
      return { sql: `ALTER TABLE ${table.name} RENAME TO ${name}`, succeeded };
    }
    const chosen = this.#source.pick(table.columns);
    if (dice < 0.55) {
      return this.#renameColumn(table, chosen);
    }
    if (dice < 0.8) {
      const name = this.#source.name('c');
      const definition = this.#source.pick(['INTEGER DEFAULT 5', 'TEXT', 'ANY', "TEXT NOT NULL DEFAULT 'd'"]);
      const sql = `ALTER TABLE ${table.name} ADD COLUMN ${name} ${definition}`;
      return { sql, succeeded: () => table.columns.push(column(name)) };
    }
    const sql = `ALTER TABLE ${table.name} DROP COLUMN ${chosen.name}`;
    return { sql, succeeded: () => table.columns.splice(table.columns.indexOf(chosen), 1) };
  }

  #renameColumn(table: RandomTable, renamed: RandomColumn): RandomStatement {
    const name = this.#source.name('c');
    const sql = `ALTER TABLE ${table.name} RENAME COLUMN ${renamed.name} TO ${name}`;
    const succeeded = () => {
      table.rowid = table.rowid === renamed.name ? name : table.rowid;
      renamed.name = name;
    };
    return { sql, succeeded };
  }

  #dropTable(): RandomStatement {
    if (this.#model.tables.length < 5) {
      return this.createTable();
    }
    const table = this.#changes.table();
    return {
      sql: `DROP TABLE ${table.name}`,
      succeeded: () => this.#model.tables.splice(this.#model.tables.indexOf(table), 1),
    };
  }
}
