import { createSeededRandom, type Random } from '../../src/runtime/interface.ts';

/** Decisions of a simulation. Each part of it has its own, so that a change in one does not turn over the others. */
export class Chance {
  readonly random: Random;

  constructor(seed: number, part: string) {
    let mixed = seed | 0;
    for (const character of part) {
      mixed = Math.imul(mixed ^ (character.codePointAt(0) ?? 0), 0x01000193);
    }
    this.random = createSeededRandom(mixed);
  }

  /** True with the given probability. */
  happens(probability: number): boolean {
    return this.random.next() < probability;
  }

  /** A number in [low, high). */
  between(low: number, high: number): number {
    return low + this.random.next() * (high - low);
  }

  /** An integer in [low, high]. */
  integer(low: number, high: number): number {
    return Math.floor(this.between(low, high + 1));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.integer(0, choices.length - 1)] as T;
  }
}
