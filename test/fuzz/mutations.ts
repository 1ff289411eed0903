/** Random and spoiled bytes, texts and messages. */
import type { RandomSource } from '../random-source.ts';

/** Texts that programs trip over. */
const oddTexts: readonly string[] = [
  '',
  ' ',
  '\0',
  "'",
  '"',
  '../../etc/passwd',
  '*',
  'x'.repeat(5_000),
  'é\u0301\u202e\u200b',
  '\ud800',
  '🦊'.repeat(20),
  '_quorate_state',
  '__proto__',
  'constructor',
  '%s%n',
  '-1',
];

const oddNumbers: readonly number[] = [0, 1, 2, 127, 65_535, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
const oddIntegers: readonly bigint[] = [
  0n,
  1n,
  2n ** 31n,
  2n ** 53n - 1n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];
const oddSizes: readonly number[] = [0, 1, 15, 16, 17, 31, 32, 33, 200, 4_096];

export function randomBytes(random: RandomSource, size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, () => random.int(0, 255)));
}

/** Changes, inserts, removes or repeats some bytes. */
export function mutatedBytes(random: RandomSource, bytes: Buffer): Buffer {
  let result: Buffer = Buffer.from(bytes);
  for (let count = random.int(1, 4); count > 0; count--) {
    const at = random.int(0, result.length);
    const end = Math.min(result.length, at + random.int(1, 8));
    const [before, middle, after] = [result.subarray(0, at), result.subarray(at, end), result.subarray(end)];
    const other = random.pick([
      [before, randomBytes(random, middle.length), after],
      [before, randomBytes(random, random.int(1, 8)), middle, after],
      [before, after],
      [before, middle, middle, after],
      [before],
      // A length or number as large as a varint can tell.
      [before, Buffer.from('ffffffffffffffffff01', 'hex'), after],
    ]);
    result = Buffer.concat(other);
  }
  return result;
}

export function randomText(random: RandomSource, words: readonly string[]): string {
  return random.chance(0.6) ? random.pick(words) : random.pick(oddTexts);
}

/** Changes, inserts, removes or repeats pieces of a text, with pieces of others among them. */
export function mutatedText(random: RandomSource, text: string, others: readonly string[]): string {
  let result = text;
  for (let count = random.int(1, 3); count > 0; count--) {
    const at = random.int(0, result.length);
    const end = Math.min(result.length, at + random.int(1, 12));
    const piece = random.pick(others);
    const from = random.int(0, piece.length);
    const inserted = random.pick([
      piece.slice(from, from + random.int(1, 20)),
      random.pick(oddTexts).slice(0, 50),
      random.pick([' ', ';', "'", '"', '(', ')', ',', '--', '/*', '*/', '\n', '?', '[', '`', '.']),
      String.fromCodePoint(random.int(1, 0xffff)),
    ]);
    result = random.pick([
      result.slice(0, at) + inserted + result.slice(at),
      result.slice(0, at) + result.slice(end),
      result.slice(0, at) + inserted + result.slice(end),
      result.slice(0, end) + result.slice(at),
      `${result};${piece}`,
      [...result].map((letter) => (random.chance(0.5) ? letter.toUpperCase() : letter.toLowerCase())).join(''),
    ]);
  }
  return result.slice(0, 20_000);
}

/** The same message with some of its fields changed; `words` are the texts that mean something to the server. */
export function mutatedMessage(random: RandomSource, value: unknown, words: readonly string[]): unknown {
  if (random.chance(0.6) && (typeof value !== 'object' || value === null)) {
    return value;
  }
  switch (typeof value) {
    case 'string':
      return randomText(random, words);
    case 'number':
      return random.pick(oddNumbers);
    case 'bigint':
      return random.pick(oddIntegers);
    case 'boolean':
      return random.chance(0.5);
    default:
      return mutatedObject(random, value, words);
  }
}

function mutatedObject(random: RandomSource, value: unknown, words: readonly string[]): unknown {
  if (Buffer.isBuffer(value)) {
    return random.chance(0.5) ? mutatedBytes(random, value) : randomBytes(random, random.pick(oddSizes));
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => mutatedMessage(random, item, words));
    return random.chance(0.2) ? [...items, ...items] : items;
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const fields = Object.entries(value).map(([name, field]) => [
    name,
    name === '$case' ? field : mutatedMessage(random, field, words),
  ]);
  return Object.fromEntries(fields);
}
