import { QuorateError } from '../errors/interface.ts';
import type { Timers } from '../runtime/interface.ts';

/** What a promise gives within so many milliseconds. It goes on by itself after that. @throws QuorateError UNAVAILABLE */
export function within<T>(timers: Timers, limitMs: number, what: string, promise: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = timers.after(limitMs, () =>
      reject(new QuorateError('UNAVAILABLE', `${what} took longer than ${Math.round(limitMs)} ms`)),
    );
    promise.then(resolve, reject).finally(() => timer.cancel());
  });
}
