import { QuorateError } from '../../errors/interface.ts';
import type { HranaLimits } from './hrana-limits.ts';
import type { SqlReference } from './wire-types.ts';

/** SQL texts that a client has stored under numbers of its own: those of one connection, or of one HTTP stream. */
export class SqlStore {
  readonly #limits: Pick<HranaLimits, 'hranaMaxStoredSql' | 'hranaMaxStoredSqlBytes'>;
  readonly #texts = new Map<number, string>();
  #length = 0;

  constructor(limits: Pick<HranaLimits, 'hranaMaxStoredSql' | 'hranaMaxStoredSqlBytes'>) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#texts.size === 0;
  }

  /** Number and length of the texts. */
  get usage(): { readonly texts: number; readonly bytes: number } {
    return { texts: this.#texts.size, bytes: this.#length };
  }

  /** Stores a text; one of the same number is replaced. @throws QuorateError SQL_STORE_TOO_MANY, SQL_STORE_TOO_LARGE */
  store(sqlId: number, sql: string): void {
    const { hranaMaxStoredSql, hranaMaxStoredSqlBytes } = this.#limits;
    this.close(sqlId);
    if (this.#texts.size >= hranaMaxStoredSql) {
      throw new QuorateError('SQL_STORE_TOO_MANY', `${hranaMaxStoredSql} texts are stored already`, {
        hint: 'Close those that are not needed, or raise hrana-max-stored-sql.',
      });
    }
    if (this.#length + sql.length > hranaMaxStoredSqlBytes) {
      throw new QuorateError('SQL_STORE_TOO_LARGE', `the stored texts have more than ${hranaMaxStoredSqlBytes} bytes`, {
        hint: 'Close those that are not needed, or raise hrana-max-stored-sql-bytes.',
      });
    }
    this.#texts.set(sqlId, sql);
    this.#length += sql.length;
  }

  /** Forgets a text; nothing happens when there is none of that number. */
  close(sqlId: number): void {
    this.#length -= this.#texts.get(sqlId)?.length ?? 0;
    this.#texts.delete(sqlId);
  }

  /** The text that a request means. @throws QuorateError SQL_NOT_STORED */
  textOf(reference: SqlReference): string {
    if ('sql' in reference) {
      return reference.sql;
    }
    const text = this.#texts.get(reference.sqlId);
    if (text === undefined) {
      throw new QuorateError('SQL_NOT_STORED', `no SQL is stored under the number ${reference.sqlId}`);
    }
    return text;
  }
}
