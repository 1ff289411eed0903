import type { Timers } from './types.ts';

/** What a promise gives within so many milliseconds. It goes on by itself after that. @throws what `late` returns then */
export function inTime<T>(timers: Timers, limitMs: number, promise: Promise<T>, late: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = timers.after(limitMs, () => reject(late()));
    promise.then(resolve, reject).finally(() => timer.cancel());
  });
}
