/**
 * Random schemas and random SQL, deterministic from a seed: the same seed gives the same statements.
 *
 * What comes out is meant to be replicated: whole transactions of statements, many of which fail on purpose (constraint
 * violations, unknown names), with schema changes, savepoints, triggers, foreign keys and odd values among them.
 */

import { RandomChanges } from './random-changes.ts';
import { RandomModel } from './random-model.ts';
import { RandomSchema, type RandomStatement } from './random-schema.ts';
import { RandomSource } from './random-source.ts';

export type { RandomStatement } from './random-schema.ts';

const nothing = () => {};

function plain(sql: string): RandomStatement {
  return { sql, succeeded: nothing };
}

export interface RandomSqlOptions {
  /** Schema changes after the first transactions. Default true. */
  readonly schemaChanges?: boolean;
  /** Full-text and R-Tree tables. Default true. */
  readonly virtualTables?: boolean;
}

/**
 * Makes the statements of one database. It must be told which statements succeeded, and with `settle` whether the
 * transaction did, so that it knows the schema as it is.
 */
export class RandomSql {
  readonly #source: RandomSource;
  readonly #model = new RandomModel();
  readonly #changes: RandomChanges;
  readonly #schema: RandomSchema;
  readonly #schemaChanges: boolean;
  #saved = '';

  constructor(seed: number, { schemaChanges = true, virtualTables = true }: RandomSqlOptions = {}) {
    this.#source = new RandomSource(seed);
    this.#changes = new RandomChanges(this.#source, this.#model);
    this.#schema = new RandomSchema({
      source: this.#source,
      model: this.#model,
      changes: this.#changes,
      virtualTables,
    });
    this.#schemaChanges = schemaChanges;
  }

  /** The next transaction. Some of its statements may fail; the transaction goes on without them. */
  transaction(): RandomStatement[] {
    this.#saved = this.#model.save();
    if (this.#model.tables.length < 3) {
      return [this.#schema.createTable()];
    }
    const statements: RandomStatement[] = [];
    for (let count = this.#source.int(1, 6); count > 0; count--) {
      statements.push(...this.#statements());
    }
    return statements;
  }

  /** Whether the database took the last transaction; if not, its schema changes are forgotten. */
  settle(committed: boolean): void {
    if (!committed) {
      this.#model.restore(this.#saved);
    }
  }

  #statements(): RandomStatement[] {
    const dice = this.#source.next();
    if (dice < 0.05) {
      return this.#savepoint().map((sql) => ({ sql, succeeded: nothing }));
    }
    if (dice < 0.17 && this.#schemaChanges) {
      return [this.#schema.schemaChange()];
    }
    if (dice < 0.19) {
      return [
        plain(
          this.#source.pick([
            `PRAGMA user_version = ${this.#source.int(0, 99)}`,
            'ANALYZE',
            'REINDEX',
            'PRAGMA optimize',
          ]),
        ),
      ];
    }
    if (dice < 0.2) {
      return [plain(this.#source.pick(['DELETE FROM sqlite_sequence', 'UPDATE sqlite_sequence SET seq = seq + 5']))];
    }
    return [plain(this.#changes.change())];
  }

  #savepoint(): string[] {
    const name = this.#source.pick(['s', 'inner', 'S']);
    const inside = [
      this.#changes.change(),
      this.#source.chance(0.3) ? this.#schema.indexStatement().sql : this.#changes.change(),
    ];
    const nested = this.#source.chance(0.3)
      ? ['SAVEPOINT nested', this.#changes.change(), this.#source.pick(['ROLLBACK TO nested', 'RELEASE nested'])]
      : [];
    const end = this.#source.pick([
      [`ROLLBACK TO ${name}`],
      [`RELEASE ${name}`],
      [`ROLLBACK TO ${name}`, `RELEASE ${name}`],
      [],
    ]);
    return [this.#changes.change(), `SAVEPOINT ${name}`, ...inside, ...nested, ...end];
  }
}
