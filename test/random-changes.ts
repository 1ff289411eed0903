import type { RandomModel, RandomTable } from './random-model.ts';
import type { RandomSource } from './random-source.ts';

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

/** Random changes of rows. */
export class RandomChanges {
  readonly #source: RandomSource;
  readonly #model: RandomModel;

  constructor(source: RandomSource, model: RandomModel) {
    this.#source = source;
    this.#model = model;
  }

  /** An INSERT, UPDATE or DELETE of a random table. */
  change(): string {
    const dice = this.#source.next();
    if (dice < 0.45) {
      return this.insert();
    }
    return dice < 0.8 ? this.#update() : this.delete();
  }

  table(): RandomTable {
    return this.#source.pick(this.#model.tables);
  }

  value(): string {
    return this.#source.chance(0.5) ? String(this.#source.int(-3, 12)) : this.#source.pick(oddValues);
  }

  #conflict(): string {
    const dice = this.#source.next();
    return dice < 0.6 ? '' : ` OR ${this.#source.pick(['REPLACE', 'REPLACE', 'IGNORE', 'FAIL', 'ABORT'])}`;
  }

  insert(): string {
    const table = this.table();
    if (table.kind === 'rtree') {
      const low = this.#source.int(0, 50);
      return `INSERT${this.#conflict()} INTO ${table.name} VALUES (${this.#source.int(1, 30)}, ${low}, ${low + this.#source.int(0, 9)})`;
    }
    if (table.kind !== 'ordinary') {
      return this.#insertText(table);
    }
    const columns = table.columns.filter((column) => !column.generated && this.#source.chance(0.85));
    const names = columns.map((column) => column.name);
    if (table.rowid !== undefined && this.#source.chance(0.2) && !names.includes(table.rowid)) {
      names.push(table.rowid);
    }
    if (names.length === 0) {
      return `INSERT INTO ${table.name} DEFAULT VALUES`;
    }
    return this.#insertRows(table, names);
  }

  #insertRows(table: RandomTable, names: readonly string[]): string {
    const head = `INSERT${this.#conflict()} INTO ${table.name} (${names.join(', ')})`;
    if (this.#source.chance(0.1)) {
      return `${head} SELECT ${names.map(() => this.value()).join(', ')} FROM ${this.table().name} LIMIT 3`;
    }
    const rows = Array.from({ length: this.#source.int(1, 4) }, () => `(${names.map(() => this.value()).join(', ')})`);
    const upsert = this.#source.chance(0.15)
      ? ` ON CONFLICT DO ${this.#source.pick(['NOTHING', `UPDATE SET ${names[0]} = ${this.value()}`])}`
      : '';
    const returning = this.#source.chance(0.1) ? ' RETURNING *' : '';
    return `${head} VALUES ${rows.join(', ')}${upsert}${returning}`;
  }

  #insertText(table: RandomTable): string {
    if (this.#source.chance(0.05)) {
      return `INSERT INTO ${table.name}(${table.name}) VALUES ('${this.#source.pick(['optimize', 'rebuild', 'integrity-check'])}')`;
    }
    const words = () =>
      `'${this.#source.pick(['alpha', 'beta', 'gamma delta', 'epsilon alpha', 'ä ö ü'])} ${this.#source.int(0, 99)}'`;
    const rowid = this.#source.chance(0.3) ? `, ${this.#source.int(1, 30)}` : '';
    const names = table.columns.map((column) => column.name).join(', ');
    return `INSERT${this.#conflict()} INTO ${table.name} (${names}${rowid === '' ? '' : ', rowid'}) VALUES (${table.columns.map(words).join(', ')}${rowid})`;
  }

  #update(): string {
    const table = this.table();
    if (table.kind === 'rtree') {
      return `UPDATE ${table.name} SET x1 = x1 + ${this.#source.int(0, 5)} WHERE id = ${this.#source.int(1, 30)}`;
    }
    const settable = table.columns.filter((column) => !column.generated).map((column) => column.name);
    if (table.rowid !== undefined && table.kind === 'ordinary' && this.#source.chance(0.15)) {
      settable.push(table.rowid);
    }
    const column = this.#source.pick(settable);
    const source = this.#source.pick(settable);
    const value = this.#source.pick([
      this.value(),
      `${column} + 1`,
      `${source}`,
      `-${column}`,
      `${source} || 'x'`,
      `${column} - 7`,
    ]);
    const second = this.#source.chance(0.2) ? `, ${this.#source.pick(settable)} = ${this.value()}` : '';
    const returning = table.kind === 'ordinary' && this.#source.chance(0.05) ? ' RETURNING *' : '';
    return `UPDATE${table.kind === 'ordinary' ? this.#conflict() : ''} ${table.name} SET ${column} = ${value}${second}${this.#where(table)}${returning}`;
  }

  delete(): string {
    const table = this.table();
    return this.#source.chance(0.03)
      ? `DELETE FROM ${table.name}`
      : `DELETE FROM ${table.name}${this.#where(table) || ' WHERE 0'}`;
  }

  #where(table: RandomTable): string {
    if (table.kind === 'rtree') {
      return ` WHERE id = ${this.#source.int(1, 30)}`;
    }
    if (table.kind !== 'ordinary') {
      return ` WHERE rowid ${this.#source.pick(['=', '>', '<'])} ${this.#source.int(1, 10)}`;
    }
    const dice = this.#source.next();
    const { name } = this.#source.pick(table.columns);
    if (dice < 0.15) {
      return '';
    }
    if (dice < 0.5 && table.rowid !== undefined) {
      return ` WHERE ${table.rowid} % ${this.#source.int(2, 5)} = ${this.#source.int(0, 1)}`;
    }
    return ` WHERE ${name} ${this.#source.pick(['=', 'IS', '<', '>', 'IS NOT'])} ${this.value()}`;
  }
}
