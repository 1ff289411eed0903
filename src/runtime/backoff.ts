import type { Random } from './types.ts';

export interface Backoff {
  /** How long to wait before the next attempt, in milliseconds. Grows with every call. */
  nextDelayMs(): number;
  /** Called after a success: the next delay is the first one again. */
  reset(): void;
}

/**
 * Exponential backoff with full jitter: each delay is uniform between half of and the whole current step, and the step
 * doubles up to `maxMs`.
 * Source of the idea: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function createBackoff(random: Random, initialMs: number, maxMs: number): Backoff {
  let stepMs = initialMs;
  return {
    nextDelayMs() {
      const delayMs = stepMs / 2 + (random.next() * stepMs) / 2;
      stepMs = Math.min(stepMs * 2, maxMs);
      return delayMs;
    },
    reset() {
      stepMs = initialMs;
    },
  };
}
