/** What a token of SQL is. Comments and blanks are no tokens. */
export type TokenKind =
  /** A keyword or an unquoted identifier. */
  | 'word'
  /** "a", `a` or [a]. */
  | 'quoted'
  | 'string'
  | 'blob'
  | 'number'
  /** ?, ?1, :a, @a, $a. */
  | 'parameter'
  /** An operator or another single character. */
  | 'symbol';

export interface Token {
  readonly kind: TokenKind;
  /** As it is written; a word in upper case. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const blank = /[ \t\n\f\r\uFEFF]+/y;
const wordStart = /[A-Za-z_\u0080-\uFFFF]/;
const word = /[A-Za-z0-9_$\u0080-\uFFFF]+/y;
const number = /0[xX][0-9a-fA-F]+|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?/y;
const questionParameter = /\?[0-9]*/y;
const namedParameter = /[:@#][A-Za-z0-9_$\u0080-\uFFFF]+/y;
/** SQLite refuses one whose bracket is not closed; taking it as it is keeps a text of many such from being searched for each. */
const dollarParameter = /\$(?:[A-Za-z0-9_$\u0080-\uFFFF]|::)+(?:\([^)\s]*\)?)?/y;
const digit = /[0-9]/;

/** The end of what a sticky pattern matches at `offset`, or `offset` if it does not match there. */
function matchEnd(pattern: RegExp, sql: string, offset: number): number {
  pattern.lastIndex = offset;
  return pattern.test(sql) ? pattern.lastIndex : offset;
}

function skipBlanksAndComments(sql: string, offset: number): number {
  let at = offset;
  for (;;) {
    const start = at;
    at = matchEnd(blank, sql, at);
    if (sql.startsWith('--', at)) {
      const lineEnd = sql.indexOf('\n', at);
      at = lineEnd < 0 ? sql.length : lineEnd + 1;
    } else if (sql.startsWith('/*', at)) {
      const close = sql.indexOf('*/', at + 2);
      at = close < 0 ? sql.length : close + 2;
    }
    if (at === start) {
      return at;
    }
  }
}

/** The end of a quoted token; a doubled closing quote stands for itself. An open quote runs to the end. */
function quotedEnd(sql: string, offset: number): number {
  const open = sql[offset] as string;
  const close = open === '[' ? ']' : open;
  let at = sql.indexOf(close, offset + 1);
  while (at >= 0 && open !== '[' && sql[at + 1] === close) {
    at = sql.indexOf(close, at + 2);
  }
  return at < 0 ? sql.length : at + 1;
}

function quoted(kind: TokenKind, sql: string, start: number, quote = start): Token {
  const end = quotedEnd(sql, quote);
  return { kind, text: sql.slice(start, end), start, end };
}

function wordToken(sql: string, start: number): Token {
  const end = matchEnd(word, sql, start);
  return { kind: 'word', text: sql.slice(start, end).toUpperCase(), start, end };
}

function patternToken(kind: TokenKind, pattern: RegExp, sql: string, start: number): Token {
  const end = matchEnd(pattern, sql, start);
  return end > start
    ? { kind, text: sql.slice(start, end), start, end }
    : { kind: 'symbol', text: sql[start] as string, start, end: start + 1 };
}

/** The token at or after `offset`, or undefined at the end. */
export function nextToken(sql: string, offset: number): Token | undefined {
  const start = skipBlanksAndComments(sql, offset);
  const first = sql[start];
  if (first === undefined) {
    return undefined;
  }
  if ((first === 'x' || first === 'X') && sql[start + 1] === "'") {
    return quoted('blob', sql, start, start + 1);
  }
  if (wordStart.test(first)) {
    return wordToken(sql, start);
  }
  switch (first) {
    case "'":
      return quoted('string', sql, start);
    case '"':
    case '`':
    case '[':
      return quoted('quoted', sql, start);
    case '?':
      return patternToken('parameter', questionParameter, sql, start);
    case ':':
    case '@':
    case '#':
      return patternToken('parameter', namedParameter, sql, start);
    case '$':
      return patternToken('parameter', dollarParameter, sql, start);
    default:
      return digit.test(first) || first === '.'
        ? patternToken('number', number, sql, start)
        : { kind: 'symbol', text: first, start, end: start + 1 };
  }
}

/** All tokens of a text, comments left out. */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  for (let token = nextToken(sql, 0); token !== undefined; token = nextToken(sql, token.end)) {
    tokens.push(token);
  }
  return tokens;
}

/** The first word of a statement in upper case, or '' if it does not start with a word. */
export function firstKeyword(sql: string): string {
  const token = nextToken(sql, 0);
  return token?.kind === 'word' ? token.text : '';
}

/** The identifier that a word, quoted or string token stands for. */
export function identifierOf(sql: string, token: Token): string {
  if (token.kind === 'word') {
    return sql.slice(token.start, token.end);
  }
  const quote = token.text[0] as string;
  const inner = token.text.slice(1, -1);
  return quote === '[' ? inner : inner.replaceAll(quote + quote, quote);
}

/** An identifier in double quotes, for SQL that this layer writes. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string literal, for SQL that this layer writes. */
export function quoteString(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
