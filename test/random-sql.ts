/**
 * Random schemas and random SQL, deterministic from a seed: the same seed gives the same statements.
 *
 * What comes out is meant to be replicated: whole transactions of statements, many of which fail on purpose (constraint
 * violations, unknown names), with schema changes, savepoints, triggers, foreign keys and odd values among them.
 */

const nothing = () => {};

function plain(sql: string): RandomStatement {
  return { sql, succeeded: nothing };
}

/** mulberry32 by Tommy Ettinger: a small generator of 32 bits of state. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface RandomColumn {
  name: string;
  generated: boolean;
}

interface RandomTable {
  name: string;
  kind: 'ordinary' | 'fts5' | 'fts4' | 'rtree';
  columns: RandomColumn[];
  /** A name that SQL can use for the rowid; undefined without one. */
  rowid: string | undefined;
}

/** A statement, and what to call when the database took it. */
export interface RandomStatement {
  readonly sql: string;
  readonly succeeded: () => void;
}

export interface RandomSqlOptions {
  /** Schema changes after the first transactions. Default true. */
  readonly schemaChanges?: boolean;
  /** Full-text and R-Tree tables. Default true. */
  readonly virtualTables?: boolean;
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
const oddValues = [
  'NULL',
  '0',
  '-0.0',
  '1',
  '1.0',
  '-1',
  '127',
  '128',
  '-129',
  '9223372036854775807',
  '-9223372036854775808',
  '9007199254740993',
  '2147483648',
  '1.5',
  '9e999',
  '-9e999',
  '1e-320',
  '0.1',
  "''",
  "x''",
  "'a'",
  "'A'",
  "'1'",
  "'1.0'",
  "'ä€😀'",
  "'a' || char(0) || 'b'",
  'char(0)',
  'char(65533)',
  "CAST(x'ff' AS TEXT)",
  "CAST(x'c328' AS TEXT)",
  "CAST(x'61eda080' AS TEXT)",
  "CAST(x'efbbbf61' AS TEXT)",
  "x'00ff'",
  'zeroblob(300)',
  'hex(zeroblob(100))',
];

/**
 * Makes the statements of one database. It must be told which statements succeeded, and with `settle` whether the
 * transaction did, so that it knows the schema as it is.
 */
export class RandomSql {
  readonly #random: () => number;
  readonly #options: Required<RandomSqlOptions>;
  #tables: RandomTable[] = [];
  #views: string[] = [];
  #triggers: string[] = [];
  #indexes: string[] = [];
  #next = 1;
  #saved = '';

  constructor(seed: number, options: RandomSqlOptions = {}) {
    this.#random = createRandom(seed);
    this.#options = { schemaChanges: true, virtualTables: true, ...options };
  }

  /** The next transaction. Some of its statements may fail; the transaction goes on without them. */
  transaction(): RandomStatement[] {
    this.#saved = JSON.stringify([this.#tables, this.#views, this.#triggers, this.#indexes]);
    if (this.#tables.length < 3) {
      return [this.#createTable()];
    }
    const statements: RandomStatement[] = [];
    for (let count = this.#int(1, 6); count > 0; count--) {
      statements.push(...this.#statements());
    }
    return statements;
  }

  /** Whether the database took the last transaction; if not, its schema changes are forgotten. */
  settle(committed: boolean): void {
    if (!committed) {
      [this.#tables, this.#views, this.#triggers, this.#indexes] = JSON.parse(this.#saved);
    }
  }

  /** An integer from `low` to `high`, both included. */
  #int(low: number, high: number): number {
    return low + Math.floor(this.#random() * (high - low + 1));
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[this.#int(0, items.length - 1)] as Item;
  }

  #name(prefix: string): string {
    return `${prefix}${this.#next++}`;
  }

  #statements(): RandomStatement[] {
    const dice = this.#random();
    if (dice < 0.05) {
      return this.#savepoint().map((sql) => ({ sql, succeeded: nothing }));
    }
    if (dice < 0.17 && this.#options.schemaChanges) {
      return [this.#schemaChange()];
    }
    if (dice < 0.19) {
      return [
        plain(this.#pick([`PRAGMA user_version = ${this.#int(0, 99)}`, 'ANALYZE', 'REINDEX', 'PRAGMA optimize'])),
      ];
    }
    if (dice < 0.2) {
      return [plain(this.#pick(['DELETE FROM sqlite_sequence', 'UPDATE sqlite_sequence SET seq = seq + 5']))];
    }
    return [plain(this.#change())];
  }

  #savepoint(): string[] {
    const name = this.#pick(['s', 'inner', 'S']);
    const inside = [this.#change(), this.#chance(0.3) ? this.#indexStatement().sql : this.#change()];
    const nested = this.#chance(0.3)
      ? ['SAVEPOINT nested', this.#change(), this.#pick(['ROLLBACK TO nested', 'RELEASE nested'])]
      : [];
    const end = this.#pick([
      [`ROLLBACK TO ${name}`],
      [`RELEASE ${name}`],
      [`ROLLBACK TO ${name}`, `RELEASE ${name}`],
      [],
    ]);
    return [this.#change(), `SAVEPOINT ${name}`, ...inside, ...nested, ...end];
  }

  #change(): string {
    const dice = this.#random();
    if (dice < 0.45) {
      return this.#insert();
    }
    return dice < 0.8 ? this.#update() : this.#delete();
  }

  #table(): RandomTable {
    return this.#pick(this.#tables);
  }

  #value(): string {
    return this.#chance(0.5) ? String(this.#int(-3, 12)) : this.#pick(oddValues);
  }

  #conflict(): string {
    const dice = this.#random();
    return dice < 0.6 ? '' : ` OR ${this.#pick(['REPLACE', 'REPLACE', 'IGNORE', 'FAIL', 'ABORT'])}`;
  }

  #insert(): string {
    const table = this.#table();
    if (table.kind === 'rtree') {
      const low = this.#int(0, 50);
      return `INSERT${this.#conflict()} INTO ${table.name} VALUES (${this.#int(1, 30)}, ${low}, ${low + this.#int(0, 9)})`;
    }
    if (table.kind !== 'ordinary') {
      return this.#insertText(table);
    }
    const columns = table.columns.filter((column) => !column.generated && this.#chance(0.85));
    const names = columns.map((column) => column.name);
    if (table.rowid !== undefined && this.#chance(0.2) && !names.includes(table.rowid)) {
      names.push(table.rowid);
    }
    if (names.length === 0) {
      return `INSERT INTO ${table.name} DEFAULT VALUES`;
    }
    return this.#insertRows(table, names);
  }

  #insertRows(table: RandomTable, names: readonly string[]): string {
    const head = `INSERT${this.#conflict()} INTO ${table.name} (${names.join(', ')})`;
    if (this.#chance(0.1)) {
      return `${head} SELECT ${names.map(() => this.#value()).join(', ')} FROM ${this.#table().name} LIMIT 3`;
    }
    const rows = Array.from({ length: this.#int(1, 4) }, () => `(${names.map(() => this.#value()).join(', ')})`);
    const upsert = this.#chance(0.15)
      ? ` ON CONFLICT DO ${this.#pick(['NOTHING', `UPDATE SET ${names[0]} = ${this.#value()}`])}`
      : '';
    const returning = this.#chance(0.1) ? ' RETURNING *' : '';
    return `${head} VALUES ${rows.join(', ')}${upsert}${returning}`;
  }

  #insertText(table: RandomTable): string {
    if (this.#chance(0.05)) {
      return `INSERT INTO ${table.name}(${table.name}) VALUES ('${this.#pick(['optimize', 'rebuild', 'integrity-check'])}')`;
    }
    const words = () =>
      `'${this.#pick(['alpha', 'beta', 'gamma delta', 'epsilon alpha', 'ä ö ü'])} ${this.#int(0, 99)}'`;
    const rowid = this.#chance(0.3) ? `, ${this.#int(1, 30)}` : '';
    const names = table.columns.map((column) => column.name).join(', ');
    return `INSERT${this.#conflict()} INTO ${table.name} (${names}${rowid === '' ? '' : ', rowid'}) VALUES (${table.columns.map(words).join(', ')}${rowid})`;
  }

  #update(): string {
    const table = this.#table();
    if (table.kind === 'rtree') {
      return `UPDATE ${table.name} SET x1 = x1 + ${this.#int(0, 5)} WHERE id = ${this.#int(1, 30)}`;
    }
    const settable = table.columns.filter((column) => !column.generated).map((column) => column.name);
    if (table.rowid !== undefined && table.kind === 'ordinary' && this.#chance(0.15)) {
      settable.push(table.rowid);
    }
    const column = this.#pick(settable);
    const source = this.#pick(settable);
    const value = this.#pick([
      this.#value(),
      `${column} + 1`,
      `${source}`,
      `-${column}`,
      `${source} || 'x'`,
      `${column} - 7`,
    ]);
    const second = this.#chance(0.2) ? `, ${this.#pick(settable)} = ${this.#value()}` : '';
    const returning = table.kind === 'ordinary' && this.#chance(0.05) ? ' RETURNING *' : '';
    return `UPDATE${table.kind === 'ordinary' ? this.#conflict() : ''} ${table.name} SET ${column} = ${value}${second}${this.#where(table)}${returning}`;
  }

  #delete(): string {
    const table = this.#table();
    return this.#chance(0.03)
      ? `DELETE FROM ${table.name}`
      : `DELETE FROM ${table.name}${this.#where(table) || ' WHERE 0'}`;
  }

  #where(table: RandomTable): string {
    if (table.kind === 'rtree') {
      return ` WHERE id = ${this.#int(1, 30)}`;
    }
    if (table.kind !== 'ordinary') {
      return ` WHERE rowid ${this.#pick(['=', '>', '<'])} ${this.#int(1, 10)}`;
    }
    const dice = this.#random();
    const { name } = this.#pick(table.columns);
    if (dice < 0.15) {
      return '';
    }
    if (dice < 0.5 && table.rowid !== undefined) {
      return ` WHERE ${table.rowid} % ${this.#int(2, 5)} = ${this.#int(0, 1)}`;
    }
    return ` WHERE ${name} ${this.#pick(['=', 'IS', '<', '>', 'IS NOT'])} ${this.#value()}`;
  }

  #schemaChange(): RandomStatement {
    const dice = this.#random();
    if (dice < 0.3) {
      return this.#createTable();
    }
    if (dice < 0.45) {
      return this.#indexStatement();
    }
    if (dice < 0.6) {
      return this.#triggerStatement();
    }
    if (dice < 0.66) {
      return this.#viewStatement();
    }
    return dice < 0.9 ? this.#alterTable() : this.#dropTable();
  }

  #createTable(): RandomStatement {
    const dice = this.#random();
    if (this.#options.virtualTables && dice < 0.15 && this.#tables.length >= 2) {
      return this.#createVirtualTable();
    }
    const name = this.#name('t');
    if (dice < 0.22 && this.#tables.length >= 2) {
      const source = this.#table();
      const columns = source.columns.map((column) => ({ name: column.name, generated: false }));
      const sql = `CREATE TABLE ${name} AS SELECT ${columns.map((column) => column.name).join(', ')} FROM ${source.name}`;
      return this.#adding({ name, kind: 'ordinary', columns, rowid: 'rowid' }, sql);
    }
    return this.#createOrdinaryTable(name);
  }

  #createVirtualTable(): RandomStatement {
    const kind = this.#pick(['fts5', 'fts4', 'rtree'] as const);
    const name = this.#name('v');
    const columns = (kind === 'rtree' ? ['x0', 'x1'] : ['body', 'title']).map((column) => ({
      name: column,
      generated: false,
    }));
    const list = kind === 'rtree' ? 'id, x0, x1' : 'body, title';
    return this.#adding({ name, kind, columns, rowid: 'rowid' }, `CREATE VIRTUAL TABLE ${name} USING ${kind}(${list})`);
  }

  #adding(table: RandomTable, sql: string): RandomStatement {
    return { sql, succeeded: () => this.#tables.push(table) };
  }

  #createOrdinaryTable(name: string): RandomStatement {
    const strict = this.#chance(0.2);
    const columns: RandomColumn[] = Array.from({ length: this.#int(1, 5) }, (_, i) => column(`c${i + 1}`));
    const typesHere = strict ? strictTypes : types;
    const definitions = columns.map(
      ({ name: own }) => `${own} ${this.#pick(typesHere)}${this.#pick(columnConstraints)}`,
    );
    const table: RandomTable = { name, kind: 'ordinary', columns, rowid: 'rowid' };
    const constraints = [...this.#foreignKeys(table), ...this.#uniqueConstraint(columns)];
    const options = strict ? ['STRICT'] : [];
    this.#addKey(table, { definitions, constraints, options });
    if (this.#chance(0.15)) {
      columns.push({ name: 'g', generated: true });
      definitions.push(`g ${strict ? 'ANY' : ''} GENERATED ALWAYS AS (c1 || 'g') ${this.#pick(['STORED', 'VIRTUAL'])}`);
    }
    const body = [...definitions, ...constraints].join(', ');
    return this.#adding(table, `CREATE TABLE ${name} (${body}) ${options.join(', ')}`);
  }

  #addKey(table: RandomTable, parts: { definitions: string[]; constraints: string[]; options: string[] }): void {
    const dice = this.#random();
    if (dice < 0.45) {
      parts.definitions.unshift(`id INTEGER PRIMARY KEY${this.#pick(['', '', ' AUTOINCREMENT'])}`);
      table.columns.unshift(column('id'));
      table.rowid = 'id';
    } else if (dice < 0.65) {
      const keyTypes = parts.options.length > 0 ? ['TEXT', 'ANY'] : ['TEXT', 'TEXT COLLATE NOCASE', '', 'INTEGER'];
      parts.definitions.push(`k ${this.#pick(keyTypes)}`);
      parts.constraints.unshift(`PRIMARY KEY (k, c1)`);
      table.columns.push(column('k'));
      if (this.#chance(0.7)) {
        parts.options.push('WITHOUT ROWID');
        table.rowid = undefined;
      }
    }
  }

  #foreignKeys(table: RandomTable): string[] {
    const parents = [...this.#tables, table].filter(
      (candidate) => candidate.rowid === 'id' && candidate.kind === 'ordinary',
    );
    if (parents.length === 0 || !this.#chance(0.4)) {
      return [];
    }
    const action = () => this.#pick(['CASCADE', 'SET NULL', 'SET DEFAULT', 'CASCADE', 'NO ACTION']);
    const deferred = this.#chance(0.4) ? ' DEFERRABLE INITIALLY DEFERRED' : '';
    return [
      `FOREIGN KEY (c1) REFERENCES ${this.#pick(parents).name}(id) ON DELETE ${action()} ON UPDATE ${action()}${deferred}`,
    ];
  }

  #uniqueConstraint(columns: readonly RandomColumn[]): string[] {
    const [first, second] = columns;
    return this.#chance(0.15) && first !== undefined && second !== undefined
      ? [`UNIQUE (${first.name}, ${second.name})`]
      : [];
  }

  #indexStatement(): RandomStatement {
    const oldest = this.#indexes[0];
    if (oldest !== undefined && this.#indexes.length > 3 && this.#chance(0.4)) {
      return { sql: `DROP INDEX IF EXISTS ${oldest}`, succeeded: () => this.#indexes.shift() };
    }
    const table = this.#table();
    const own = this.#pick(table.columns).name;
    const name = this.#name('i');
    const expression = this.#pick([own, `${own} COLLATE NOCASE`, `lower(${own})`, `${own} DESC`]);
    const partial = this.#chance(0.2) ? ` WHERE ${own} > 3` : '';
    const sql = `CREATE ${this.#chance(0.2) ? 'UNIQUE ' : ''}INDEX ${name} ON ${table.name} (${expression})${partial}`;
    return { sql, succeeded: () => this.#indexes.push(name) };
  }

  #viewStatement(): RandomStatement {
    const oldest = this.#views[0];
    if (oldest !== undefined && this.#views.length > 1) {
      return { sql: `DROP VIEW ${oldest}`, succeeded: () => this.#views.shift() };
    }
    const name = this.#name('w');
    return {
      sql: `CREATE VIEW ${name} AS SELECT * FROM ${this.#table().name}`,
      succeeded: () => this.#views.push(name),
    };
  }

  #triggerStatement(): RandomStatement {
    const oldest = this.#triggers[0];
    if (oldest !== undefined && this.#triggers.length > 4 && this.#chance(0.5)) {
      return { sql: `DROP TRIGGER IF EXISTS ${oldest}`, succeeded: () => this.#triggers.shift() };
    }
    const table = this.#tables.find((candidate) => candidate.kind === 'ordinary' && this.#chance(0.4)) ?? this.#table();
    const name = this.#name('g');
    const event = this.#pick(['INSERT', 'UPDATE', 'DELETE']);
    const time = this.#pick(['AFTER', 'AFTER', 'BEFORE']);
    const body = this.#triggerBody(table, event);
    const sql = `CREATE TRIGGER ${name} ${time} ${event} ON ${table.name} BEGIN ${body}; END`;
    return { sql, succeeded: () => this.#triggers.push(name) };
  }

  #triggerBody(table: RandomTable, event: string): string {
    const row = event === 'DELETE' ? 'old' : 'new';
    const column = this.#pick(table.columns);
    const settable = table.columns.filter((candidate) => !candidate.generated);
    const own = table.rowid !== undefined && this.#chance(0.5);
    const dice = this.#random();
    if (dice < 0.1) {
      const raise = this.#pick(["RAISE(ABORT, 'no')", 'RAISE(IGNORE)', "RAISE(FAIL, 'fail')"]);
      return `SELECT ${raise} WHERE ${row}.${column.name} = ${this.#value()}`;
    }
    if (own) {
      return `UPDATE ${table.name} SET ${this.#pick(settable).name} = ${this.#value()} WHERE ${table.rowid} = ${row}.${table.rowid}`;
    }
    return this.#chance(0.6) ? this.#insert().replace(/ RETURNING \*/, '') : this.#delete();
  }

  #alterTable(): RandomStatement {
    const table = this.#table();
    const dice = this.#random();
    if (dice < 0.3) {
      const name = this.#name(table.kind === 'ordinary' ? 't' : 'v');
      const succeeded = () => {
        table.name = name;
      };
      return { sql: `ALTER TABLE ${table.name} RENAME TO ${name}`, succeeded };
    }
    const chosen = this.#pick(table.columns);
    if (dice < 0.55) {
      return this.#renameColumn(table, chosen);
    }
    if (dice < 0.8) {
      const name = this.#name('c');
      const definition = this.#pick(['INTEGER DEFAULT 5', 'TEXT', 'ANY', "TEXT NOT NULL DEFAULT 'd'"]);
      const sql = `ALTER TABLE ${table.name} ADD COLUMN ${name} ${definition}`;
      return { sql, succeeded: () => table.columns.push(column(name)) };
    }
    const sql = `ALTER TABLE ${table.name} DROP COLUMN ${chosen.name}`;
    return { sql, succeeded: () => table.columns.splice(table.columns.indexOf(chosen), 1) };
  }

  #renameColumn(table: RandomTable, renamed: RandomColumn): RandomStatement {
    const name = this.#name('c');
    const sql = `ALTER TABLE ${table.name} RENAME COLUMN ${renamed.name} TO ${name}`;
    const succeeded = () => {
      table.rowid = table.rowid === renamed.name ? name : table.rowid;
      renamed.name = name;
    };
    return { sql, succeeded };
  }

  #dropTable(): RandomStatement {
    if (this.#tables.length < 5) {
      return this.#createTable();
    }
    const table = this.#table();
    return { sql: `DROP TABLE ${table.name}`, succeeded: () => this.#tables.splice(this.#tables.indexOf(table), 1) };
  }
}

function column(name: string): RandomColumn {
  return { name, generated: false };
}
