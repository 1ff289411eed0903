import { tokenize } from './tokenizer.ts';

/** What the text of a trigger tells about its effects. Conservative: a trait may be set without need. */
export interface TriggerTraits {
  /** It uses OR REPLACE or REPLACE INTO. */
  readonly replaces: boolean;
  /** It uses OR FAIL or RAISE(FAIL). */
  readonly fails: boolean;
  /** It runs before the row is changed, and writes. */
  readonly writesBefore: boolean;
}

const writingWords = new Set(['INSERT', 'UPDATE', 'DELETE', 'REPLACE']);

/** Reads the traits of a trigger from its `CREATE TRIGGER` text. */
export function triggerTraits(sql: string): TriggerTraits {
  const tokens = tokenize(sql);
  const words = tokens.map((token) => (token.kind === 'word' ? token.text : ''));
  const body = words.indexOf('BEGIN', 3);
  // The time stands right after the name, which may be qualified: CREATE TRIGGER [main .] name [time].
  const time = words[tokens[3]?.text === '.' ? 5 : 3];
  return {
    replaces: words.some((word, i) => word === 'REPLACE' && tokens[i + 1]?.text !== '('),
    fails: words.includes('FAIL'),
    writesBefore: time !== 'AFTER' && time !== 'INSTEAD' && words.slice(body).some((word) => writingWords.has(word)),
  };
}
