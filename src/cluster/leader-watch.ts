import type { Clock } from '../runtime/interface.ts';
import type { GroupState } from './group-store.ts';

/**
 * Says how long the primary of a group has given no sign of life, by the monotonic clock of this node: the wall clocks of two
 * nodes are never compared. Whoever begins to watch gives it a whole lease.
 */
export class LeaderWatch {
  readonly #clock: Clock;
  #seen = '';
  #seenAtMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#seenAtMs = clock.monotonicMs();
  }

  /** Takes what the coordinator says, as it was asked for at a moment of the monotonic clock. */
  observe({ revisions }: GroupState, askedAtMs: number): void {
    const seen = `${revisions.term}/${revisions.leader}`;
    if (seen !== this.#seen) {
      this.#seen = seen;
      // The sign may be older than the answer, never younger than that: counting from the answer is safe.
      this.#seenAtMs = Math.max(askedAtMs, this.#clock.monotonicMs());
    }
  }

  /** Milliseconds since the last new sign was seen. */
  get silentMs(): number {
    return this.#clock.monotonicMs() - this.#seenAtMs;
  }
}
