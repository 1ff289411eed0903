import type { WriteOptions } from '../../src/library/interface.ts';
import { closedLoopRate } from '../measuring/closed-loop.ts';
import type { Primary } from './primary.ts';

/** Writers that each wait for their answer before they write again. Returns transactions per second. */
export function insertRate(
  primary: Primary,
  writers: number,
  seconds: number,
  options?: WriteOptions,
): Promise<number> {
  return closedLoopRate(writers, seconds, (index) => primary.insert(index, options));
}
