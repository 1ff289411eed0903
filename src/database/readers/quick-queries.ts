import type { ReadRequest } from './read-request.ts';

/** Texts that are remembered; the one that was noted longest ago goes first. */
const maxTexts = 1_000;

/**
 * Remembers which queries take next to no time. Sent to a reader together they cost a fraction of what they cost one by
 * one, and none of them keeps the others waiting.
 */
export class QuickQueries {
  readonly #texts = new Set<string>();

  has({ statements, mustRunAlone }: ReadRequest): boolean {
    const [first] = statements;
    return !mustRunAlone && statements.length === 1 && first !== undefined && this.#texts.has(first.sql);
  }

  /** Takes how it went with queries that ran together. After one that went badly each has to run for itself again. */
  note(requests: readonly ReadRequest[], wasQuick: boolean): void {
    for (const { statements, options } of requests) {
      const [first] = statements;
      if (first === undefined || statements.length > 1 || options.describe === true) {
        continue;
      }
      if (!wasQuick) {
        this.#texts.delete(first.sql);
      } else if (!this.#texts.has(first.sql)) {
        this.#add(first.sql);
      }
    }
  }

  #add(sql: string): void {
    this.#texts.add(sql);
    const [oldest] = this.#texts;
    if (this.#texts.size > maxTexts && oldest !== undefined) {
      this.#texts.delete(oldest);
    }
  }
}
