import type { Timers } from '../runtime/interface.ts';

/** Rests that end by themselves or when somebody calls; a call that came before a rest ends it at once. */
export class Alarm {
  readonly #timers: Timers;
  #end: (() => void) | undefined;
  #isCalled = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  call(): void {
    this.#isCalled = true;
    this.#end?.();
  }

  /** What was called for until now is being done. */
  reset(): void {
    this.#isCalled = false;
  }

  /** Resolves after `limitMs`, or at a call since the last `reset`. */
  rest(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#timers.after(limitMs, () => this.#end?.());
      this.#end = () => {
        timer.cancel();
        this.#end = undefined;
        resolve();
      };
      if (this.#isCalled) {
        this.#end();
      }
    });
  }
}
