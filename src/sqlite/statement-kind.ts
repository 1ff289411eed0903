import { QuorateError } from '../errors/interface.ts';
import { splitStatements } from './statement-splitter.ts';
import { nextToken, type Token } from './tokenizer.ts';
import type { StatementKind } from './types.ts';

const kindsByKeyword: Readonly<Record<string, StatementKind>> = {
  SELECT: 'read',
  VALUES: 'read',
  EXPLAIN: 'read',
  INSERT: 'write',
  REPLACE: 'write',
  UPDATE: 'write',
  DELETE: 'write',
  ANALYZE: 'write',
  REINDEX: 'write',
  VACUUM: 'write',
  ATTACH: 'write',
  DETACH: 'write',
  CREATE: 'schema',
  DROP: 'schema',
  ALTER: 'schema',
  PRAGMA: 'pragma',
  BEGIN: 'transaction-control',
  COMMIT: 'transaction-control',
  END: 'transaction-control',
  ROLLBACK: 'transaction-control',
  SAVEPOINT: 'transaction-control',
  RELEASE: 'transaction-control',
};

const verbs = new Set(['SELECT', 'VALUES', 'INSERT', 'REPLACE', 'UPDATE', 'DELETE']);

/** The verb of `WITH …`: the first one outside of parentheses. */
function verbAfterWith(sql: string, first: Token): string {
  let depth = 0;
  for (let token = nextToken(sql, first.end); token !== undefined; token = nextToken(sql, token.end)) {
    if (token.text === '(') {
      depth++;
    } else if (token.text === ')') {
      depth--;
    } else if (depth === 0 && token.kind === 'word' && verbs.has(token.text)) {
      return token.text;
    }
  }
  return '';
}

/**
 * What a statement is, from its text alone; it is not checked otherwise. What SQLite would not understand counts as
 * a read, so that a reader reports the error.
 */
export function classify(sql: string): StatementKind {
  const first = nextToken(sql, 0);
  const keyword = first?.text === 'WITH' ? verbAfterWith(sql, first) : (first?.text ?? '');
  return Object.hasOwn(kindsByKeyword, keyword) ? (kindsByKeyword[keyword] as StatementKind) : 'read';
}

/**
 * The one statement of a text, without its semicolon.
 *
 * @throws QuorateError INVALID_ARGUMENT if there is none, or more than one
 */
export function singleStatement(sql: string): string {
  if (typeof sql !== 'string' || sql.includes('\0')) {
    throw new QuorateError('INVALID_ARGUMENT', 'a statement must be a string without NUL characters');
  }
  const [statement, ...others] = splitStatements(sql);
  if (statement === undefined) {
    throw new QuorateError('INVALID_ARGUMENT', 'the statement is empty');
  }
  if (others.length > 0) {
    throw new QuorateError('INVALID_ARGUMENT', `${others.length + 1} statements were given where one is expected`, {
      hint: 'Send them one by one, or as a batch.',
    });
  }
  return statement;
}
