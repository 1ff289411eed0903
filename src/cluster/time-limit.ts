import { QuorateError } from '../errors/interface.ts';
import { inTime, type Timers } from '../runtime/interface.ts';

/** What a promise gives within so many milliseconds. It goes on by itself after that. @throws QuorateError UNAVAILABLE */
export function within<T>(timers: Timers, limitMs: number, what: string, promise: Promise<T>): Promise<T> {
  const late = () => new QuorateError('UNAVAILABLE', `${what} took longer than ${Math.round(limitMs)} ms`);
  return inTime(timers, limitMs, promise, late);
}
