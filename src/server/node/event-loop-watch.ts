import { durationBounds, Histogram, type Runtime, type Timer } from '../../runtime/interface.ts';

/** How often the delay of the event loop is measured, in milliseconds: rarely enough to cost an idle node nothing. */
const intervalMs = 500;

/** Measures how late timers of this thread come: whatever blocks it delays heartbeats and answers by as much. */
export class EventLoopWatch implements Disposable {
  readonly #runtime: Pick<Runtime, 'clock' | 'timers'>;
  /** In seconds. */
  readonly delays = new Histogram(durationBounds);
  #timer: Timer | undefined;

  constructor(runtime: Pick<Runtime, 'clock' | 'timers'>) {
    this.#runtime = runtime;
    this.#measure();
  }

  #measure(): void {
    const { clock, timers } = this.#runtime;
    const dueMs = clock.monotonicMs() + intervalMs;
    this.#timer = timers.after(intervalMs, () => {
      this.delays.observe(Math.max(0, clock.monotonicMs() - dueMs) / 1_000);
      this.#measure();
    });
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }
}
