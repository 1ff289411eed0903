/** mulberry32 by Tommy Ettinger: a small generator of 32 bits of state. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Choices that are the same for the same seed. */
export class RandomSource {
  readonly #random: () => number;
  #next = 1;

  constructor(seed: number) {
    this.#random = createRandom(seed);
  }

  /** A number in [0, 1). */
  next(): number {
    return this.#random();
  }

  /** An integer from `low` to `high`, both included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.#random() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.int(0, items.length - 1)] as Item;
  }

  /** A name that was not given before. */
  name(prefix: string): string {
    return `${prefix}${this.#next++}`;
  }
}
