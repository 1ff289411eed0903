import type { Random } from './types.ts';

/**
 * Random numbers that repeat with their seed, for simulations and tests; not for secrets.
 * Source of the algorithm: mulberry32 by Tommy Ettinger, public domain.
 */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0;
  const nextUint32 = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    next: () => nextUint32() / 0x1_0000_0000,
    bytes: (size) => Uint8Array.from({ length: size }, () => nextUint32() & 0xff),
  };
}
