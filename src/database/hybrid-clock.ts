import type { TransactionLog } from '../log/interface.ts';
import type { Clock } from '../runtime/interface.ts';

export interface HybridTime {
  readonly timeMs: number;
  readonly timeCounter: number;
}

const maxCounter = 0xffff;

/**
 * A hybrid logical clock: follows the wall clock, never goes back, and never gives the same time twice.
 * Source: Kulkarni et al., "Logical Physical Clocks", OPODIS 2014.
 */
export class HybridClock {
  readonly #clock: Clock;
  #timeMs = 0;
  #timeCounter = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Makes all later times greater than `time`. */
  observe(time: HybridTime): void {
    if (time.timeMs > this.#timeMs || (time.timeMs === this.#timeMs && time.timeCounter > this.#timeCounter)) {
      this.#timeMs = time.timeMs;
      this.#timeCounter = time.timeCounter;
    }
  }

  /** New records must be later than those in the log, even when the wall clock was set back meanwhile. */
  observeTip(log: TransactionLog): void {
    if (log.tip.txId >= log.firstTxId) {
      for (const record of log.records(log.tip.txId)) {
        this.observe(record);
      }
    }
  }

  next(): HybridTime {
    const wallMs = Math.floor(this.#clock.nowMs());
    if (wallMs > this.#timeMs) {
      this.#timeMs = wallMs;
      this.#timeCounter = 0;
    } else if (this.#timeCounter < maxCounter) {
      this.#timeCounter += 1;
    } else {
      this.#timeMs += 1;
      this.#timeCounter = 0;
    }
    return { timeMs: this.#timeMs, timeCounter: this.#timeCounter };
  }
}
