import type { Clock, Timers } from '../runtime/interface.ts';
import type { SharedPositions } from './shared-positions.ts';

/** Counts in shared memory when a writer's thread begins to do something and when it has done it: while it does, the number is odd. */
export class WriterTurns {
  readonly #positions: SharedPositions;
  #isRunning = false;

  constructor(positions: SharedPositions) {
    this.#positions = positions;
  }

  run(action: () => void): void {
    if (this.#isRunning) {
      action();
      return;
    }
    this.#isRunning = true;
    this.#positions.add('turns', 1);
    try {
      action();
    } finally {
      this.#positions.add('turns', 1);
      this.#isRunning = false;
    }
  }

  /** Timers whose actions count as well. */
  counting(timers: Timers): Timers {
    return {
      after: (delayMs, action) => timers.after(delayMs, () => this.run(action)),
      sleep: (delayMs, signal) => timers.sleep(delayMs, signal),
    };
  }
}

/**
 * Tells another thread how long a writer has been at one thing. What it does in SQLite or for the disk cannot be
 * interrupted, and it answers nobody meanwhile. Threads have no clock in common, so time counts from when this first saw it.
 */
export class WriterPulse {
  readonly #positions: SharedPositions;
  readonly #clock: Clock;
  #seenTurns = 0;
  #sinceMs = 0;

  constructor(positions: SharedPositions, clock: Clock) {
    this.#positions = positions;
    this.#clock = clock;
  }

  /** Milliseconds since the call that first saw what the writer does now; 0 when it waits for something to do. */
  silentMs(): number {
    const turns = this.#positions.get('turns');
    const nowMs = this.#clock.monotonicMs();
    if (turns !== this.#seenTurns) {
      this.#seenTurns = turns;
      this.#sinceMs = nowMs;
    }
    return turns % 2 === 0 ? 0 : nowMs - this.#sinceMs;
  }
}
