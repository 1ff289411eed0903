import { QuorateError } from '../errors/interface.ts';
import { isInternalName } from './internal-names.ts';
import { identifierOf, tokenize } from './tokenizer.ts';

/** A statement that a client may use inside its own transaction. */
export interface SavepointCommand {
  readonly action: 'savepoint' | 'release' | 'rollback-to';
  /** As SQLite compares it: without regard to ASCII case. */
  readonly name: string;
}

function refuse(keyword: string): never {
  throw new QuorateError('UNSUPPORTED_STATEMENT', `${keyword} is not allowed here`, {
    hint: 'Use an interactive transaction: the request that begins or ends it is a request of its own.',
  });
}

/**
 * Reads SAVEPOINT, RELEASE and ROLLBACK TO.
 *
 * @throws QuorateError UNSUPPORTED_STATEMENT for BEGIN, COMMIT, END and ROLLBACK, which belong to the layer above
 */
export function parseSavepoint(sql: string): SavepointCommand {
  const tokens = tokenize(sql);
  const words = tokens.map((token) => (token.kind === 'word' ? token.text : ''));
  const keyword = words[0] ?? '';
  const last = tokens.at(-1);
  const toAt = words.indexOf('TO');
  if ((keyword === 'ROLLBACK' && toAt < 1) || !['SAVEPOINT', 'RELEASE', 'ROLLBACK'].includes(keyword)) {
    refuse(keyword);
  }
  const name = last === undefined ? '' : identifierOf(sql, last).replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  if (isInternalName(name)) {
    throw new QuorateError('UNSUPPORTED_STATEMENT', `the savepoint name ${name} is reserved`, {
      hint: 'Names that start with _quorate_ belong to Quorate; use another one.',
    });
  }
  const actions = { SAVEPOINT: 'savepoint', RELEASE: 'release', ROLLBACK: 'rollback-to' } as const;
  return { action: actions[keyword as keyof typeof actions], name };
}
