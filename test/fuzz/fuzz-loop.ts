/** Runs random inputs for a fixed time. The seed is printed, and gives the same inputs again. */
import { randomInt } from 'node:crypto';
import { RandomSource } from '../random-source.ts';

/** The largest first seed. */
const maxSeed = 2 ** 31;

const defaultSeconds = 5;

/** How long each kind of input is tried, in milliseconds. */
export const fuzzTimeMs = Number(process.env.QUORATE_FUZZ_SECONDS ?? defaultSeconds) * 1_000;

/** Seed of the first round; each round after it has the next one. */
export const fuzzSeed = Number(process.env.QUORATE_FUZZ_SEED ?? randomInt(maxSeed));

/** Runs rounds until the time is over, several at once. What fails is told with the seed of its round. */
export async function fuzz(
  what: string,
  round: (random: RandomSource) => Promise<void>,
  { atOnce = 1 }: { readonly atOnce?: number } = {},
): Promise<void> {
  const endMs = Date.now() + fuzzTimeMs;
  let rounds = 0;
  const run = async () => {
    while (Date.now() < endMs) {
      const seed = fuzzSeed + rounds++;
      try {
        await round(new RandomSource(seed));
      } catch (cause) {
        throw new Error(`${what}: QUORATE_FUZZ_SEED=${seed} failed: ${String(cause)}`, { cause });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, run));
  console.log(`${what}: ${rounds} rounds, QUORATE_FUZZ_SEED=${fuzzSeed}`);
}

/** Fails when something takes longer than a server may take to answer. */
export async function inTime<Result>(what: string, work: Promise<Result>, limitMs = 20_000): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
