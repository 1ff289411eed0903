/** Numbers that look random and are the same for the same seed, on every machine. */
export interface SeededRandom {
  /** A number in [0, 1). */
  next(): number;
  /** A whole number from `low` to `high`, both included. */
  integer(low: number, high: number): number;
  pick<T>(items: readonly [T, ...T[]]): T;
  /** Like `integer(1, count)`, with low numbers far more often: a few things are popular. */
  popular(count: number): number;
}

/**
 * The small fast counting generator with 32-bit words (sfc32) by Chris Doty-Humphrey, PractRand; three words of state,
 * one counter. A seed and a stream give independent sequences.
 */
export function createSeededRandom(seed: number, stream = 0): SeededRandom {
  let [a, b, c, counter] = [seed | 0, stream | 0, 0x9e3779b9 | 0, 1];
  const nextWord = (): number => {
    const word = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + word) | 0;
    return word >>> 0;
  };
  // The first words still resemble the seed.
  for (let round = 0; round < 12; round += 1) {
    nextWord();
  }
  const next = () => nextWord() / 2 ** 32;
  const integer = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  return {
    next,
    integer,
    pick: (items) => items[integer(0, items.length - 1)] ?? items[0],
    popular: (count) => 1 + Math.floor(count * next() ** 2),
  };
}
