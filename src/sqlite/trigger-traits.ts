import { identifierOf, type Token, tokenize } from './tokenizer.ts';

/** What the text of a trigger tells about its effects. Conservative: a trait may be set without need. */
export interface TriggerTraits {
  /** It uses OR REPLACE or REPLACE INTO. */
  readonly replaces: boolean;
  /** It uses OR FAIL or RAISE(FAIL). */
  readonly fails: boolean;
  /** It runs before the row is changed, and writes. */
  readonly writesBefore: boolean;
  /** It runs before an update or a delete, and writes to the very table. */
  readonly writesOwnTableBefore: boolean;
}

const writingWords = new Set(['INSERT', 'UPDATE', 'DELETE', 'REPLACE']);

/** Reads the traits of a trigger from its `CREATE TRIGGER` text. */
export function triggerTraits(sql: string): TriggerTraits {
  const tokens = tokenize(sql);
  const words = tokens.map((token) => (token.kind === 'word' ? token.text : ''));
  const body = words.indexOf('BEGIN', 3);
  // The time stands right after the name, which may be qualified: CREATE TRIGGER [main .] name [time].
  const time = words[tokens[3]?.text === '.' ? 5 : 3];
  const writesBefore =
    time !== 'AFTER' && time !== 'INSTEAD' && words.slice(body).some((word) => writingWords.has(word));
  return {
    replaces: words.some((word, i) => word === 'REPLACE' && tokens[i + 1]?.text !== '('),
    fails: words.includes('FAIL'),
    writesBefore,
    writesOwnTableBefore: writesBefore && !words.slice(0, body).includes('INSERT') && writesOwnTable(sql, tokens, body),
  };
}

function writesOwnTable(sql: string, tokens: readonly Token[], body: number): boolean {
  const name = (token: Token | undefined) => (token === undefined ? '' : identifierOf(sql, token).toLowerCase());
  const on = tokens.findIndex((token, i) => i < body && token.text === 'ON');
  const own = name(tokens[on + 1]);
  return tokens.some((token, i) => i > body && name(token) === own && isTarget(tokens, i));
}

/** UPDATE [OR …] name, DELETE FROM name, INTO name. */
function isTarget(tokens: readonly Token[], at: number): boolean {
  const [third, second, first] = [at - 3, at - 2, at - 1].map((i) => tokens[i]?.text);
  return (
    first === 'UPDATE' ||
    first === 'INTO' ||
    (first === 'FROM' && second === 'DELETE') ||
    (second === 'OR' && third === 'UPDATE')
  );
}
