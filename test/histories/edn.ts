/** As much of EDN as histories use: https://github.com/edn-format/edn. Tags are read and left out. */

/** A name that EDN writes `:name`; JSON writes it as a string. */
export class Keyword {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  toJSON(): string {
    return this.name;
  }
}

/** Keys of maps are keywords, here without their colon. */
export type Edn = null | boolean | number | string | Keyword | readonly Edn[] | { readonly [key: string]: Edn };

export function printEdn(value: Edn): string {
  if (value === null) {
    return 'nil';
  }
  if (value instanceof Keyword) {
    return `:${value.name}`;
  }
  if (typeof value === 'string') {
    return printString(value);
  }
  if (typeof value !== 'object') {
    return String(value);
  }
  if (isVector(value)) {
    return `[${value.map(printEdn).join(' ')}]`;
  }
  return `{${Object.entries(value)
    .map(([key, item]) => `:${key} ${printEdn(item)}`)
    .join(', ')}}`;
}

/** `Array.isArray` does not tell readonly arrays from objects for the compiler. */
function isVector(value: Edn): value is readonly Edn[] {
  return Array.isArray(value);
}

/** EDN knows fewer escapes than JSON: no `\b`, no `\f`. */
function printString(text: string): string {
  return JSON.stringify(text).replaceAll(/\\(.)/g, (written, letter: string) =>
    letter === 'b' ? '\\u0008' : letter === 'f' ? '\\u000c' : written,
  );
}

const token = /[\s,]+|;[^\n]*|#_|#[A-Za-z][\w./-]*|"(?:[^"\\]|\\[\s\S])*"|[[\](){}]|[^\s,;"[\](){}]+/gy;
const closing: ReadonlyMap<string, string> = new Map([
  ['[', ']'],
  ['(', ')'],
  ['{', '}'],
]);

/** Reads all values of a text, one after the other. Throws an Error that names the place where it is not EDN. */
export function readEdn(text: string): Edn[] {
  const reader = new EdnReader(text);
  const values: Edn[] = [];
  while (!reader.isAtEnd) {
    values.push(reader.value());
  }
  return values;
}

class EdnReader {
  readonly #tokens: string[] = [];
  #next = 0;

  constructor(text: string) {
    let at = 0;
    for (const [found] of text.matchAll(token)) {
      at += found.length;
      // A tag is dropped; its value stands for itself.
      if (!/^[\s,;]|^#[A-Za-z]/.test(found)) {
        this.#tokens.push(found);
      }
    }
    if (at !== text.length) {
      throw new Error(`not EDN at character ${at}: ${text.slice(at, at + 20)}`);
    }
  }

  get isAtEnd(): boolean {
    return this.#next >= this.#tokens.length;
  }

  value(): Edn {
    const found = this.#tokens[this.#next++];
    if (found === undefined) {
      throw new Error('the EDN text ends within a value');
    }
    if (found === '#_') {
      this.value();
      return this.value();
    }
    const end = closing.get(found);
    if (end === undefined) {
      return atom(found);
    }
    const items = this.#itemsUntil(end);
    return found === '{' ? toMap(items) : items;
  }

  #itemsUntil(end: string): Edn[] {
    const items: Edn[] = [];
    while (this.#tokens[this.#next] !== end) {
      items.push(this.value());
    }
    this.#next += 1;
    return items;
  }
}

function toMap(items: readonly Edn[]): { [key: string]: Edn } {
  const map: { [key: string]: Edn } = {};
  for (let i = 0; i < items.length; i += 2) {
    const [key, value] = [items[i], items[i + 1]];
    if (!(key instanceof Keyword) || value === undefined) {
      throw new Error('the keys of a map must be keywords, each with a value');
    }
    map[key.name] = value;
  }
  return map;
}

const words: ReadonlyMap<string, Edn> = new Map([
  ['nil', null],
  ['true', true],
  ['false', false],
]);

function atom(found: string): Edn {
  const word = words.get(found);
  if (word !== undefined) {
    return word;
  }
  if (found.startsWith('"')) {
    return JSON.parse(found.replaceAll('\n', '\\n').replaceAll('\t', '\\t').replaceAll('\r', '\\r')) as string;
  }
  if (found.startsWith(':')) {
    return new Keyword(found.slice(1));
  }
  // `N` and `M` mark big numbers.
  const number = Number(found.replace(/[NM]$/, ''));
  if (Number.isNaN(number) || (Number.isInteger(number) && !Number.isSafeInteger(number))) {
    throw new Error(`not a value that a history has: ${found}`);
  }
  return number;
}
