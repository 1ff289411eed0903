import type { StatementSync } from 'node:sqlite';

interface Closable {
  readonly statement: StatementSync;
}

/** Frees a statement at once where node:sqlite can; otherwise the garbage collector does later. */
export function closeStatement(statement: StatementSync): void {
  const closable = statement as StatementSync & { close?: () => void };
  closable.close?.();
}

/** Keeps the prepared statements that were used last, up to a limit. */
export class StatementCache<Entry extends Closable> {
  readonly #entries = new Map<string, Entry>();
  readonly #limit: number;
  /** The one used last, so that running the same text again costs no search. */
  #lastSql = '';
  #last: Entry | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(sql: string): Entry | undefined {
    if (this.#last !== undefined && this.#lastSql === sql) {
      return this.#last;
    }
    const entry = this.#entries.get(sql);
    if (entry !== undefined) {
      this.#entries.delete(sql);
      this.#entries.set(sql, entry);
      this.#lastSql = sql;
      this.#last = entry;
    }
    return entry;
  }

  /** Takes a statement out, for somebody who uses it over a longer time; `set` puts it back. */
  take(sql: string): Entry | undefined {
    const entry = this.#entries.get(sql);
    this.#entries.delete(sql);
    this.#forget(sql);
    return entry;
  }

  set(sql: string, entry: Entry): void {
    const previous = this.#entries.get(sql);
    if (previous !== undefined) {
      closeStatement(previous.statement);
      this.#forget(sql);
    }
    this.#entries.set(sql, entry);
    if (this.#entries.size <= this.#limit) {
      return;
    }
    for (const [oldest, { statement }] of this.#entries) {
      this.#entries.delete(oldest);
      this.#forget(oldest);
      closeStatement(statement);
      return;
    }
  }

  clear(): void {
    for (const { statement } of this.#entries.values()) {
      closeStatement(statement);
    }
    this.#entries.clear();
    this.#last = undefined;
  }

  #forget(sql: string): void {
    if (this.#lastSql === sql) {
      this.#last = undefined;
    }
  }
}
