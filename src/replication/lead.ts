import type { ExportSession } from './export-session.ts';

/** How often in a row a replica must be ahead of the one before it to take its place: once may be chance. */
const winsToPass = 3;

type Confirming = Pick<ExportSession, 'durableTxId'>;

/**
 * The order in which replicas confirm. Where clients wait for the confirmation of some of them only, the first ones are
 * served first; when one of these falls behind, the next one that confirms takes its place.
 */
export class Lead<T extends Confirming = ExportSession> {
  readonly #order: T[] = [];
  /** How often in a row each was ahead of the one before it. */
  readonly #wins = new Map<T, number>();

  /** A session has confirmed more than before. */
  confirmed(session: T): void {
    const place = this.#order.indexOf(session);
    if (place < 0) {
      this.#order.push(session);
      return;
    }
    const before = this.#order[place - 1];
    const after = this.#order[place + 1];
    if (before !== undefined && session.durableTxId > before.durableTxId) {
      this.#win(session, before, place);
    }
    if (after !== undefined && session.durableTxId > after.durableTxId) {
      this.#wins.delete(after);
    }
  }

  #win(session: T, before: T, place: number): void {
    const wins = (this.#wins.get(session) ?? 0) + 1;
    if (wins < winsToPass) {
      this.#wins.set(session, wins);
    } else {
      this.#order.splice(place - 1, 2, session, before);
      this.#wins.delete(session);
    }
  }

  ended(session: T): void {
    const place = this.#order.indexOf(session);
    if (place >= 0) {
      this.#order.splice(place, 1);
    }
    this.#wins.delete(session);
  }

  /** Other replicas count from now on. */
  clear(): void {
    this.#order.length = 0;
    this.#wins.clear();
  }

  /** Whether the session is among the first `count`, or there are not as many. */
  includes(session: T, count: number): boolean {
    return this.#order.length < count || this.#order.lastIndexOf(session, count - 1) >= 0;
  }
}
