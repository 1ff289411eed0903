import { isInternalName } from './internal-names.ts';
import { internalRefusal } from './statement-authorizer.ts';
import { identifierOf, tokenize } from './tokenizer.ts';
import type { StatementKind } from './types.ts';

/** A name of Quorate, wherever it stands; one that only ends like it is none. */
const mention = /(?<![A-Za-z0-9_$\u0080-\uFFFF])_quorate_[A-Za-z0-9_$]*/i;

/** A string that SQLite would take for a name where one is expected. */
const nameLike = /^'[A-Za-z0-9_$]+'$/;

/**
 * Refuses statements that name what belongs to Quorate. The authorizer alone does not see all of them: SQLite asks it
 * nothing about a foreign key to an internal table, the content table of a full-text index and the functions of a DEFAULT,
 * and to it a common table expression looks like the trigger of the same name.
 * @throws QuorateError UNSUPPORTED_STATEMENT
 */
export function refuseInternalNames(sql: string, kind: StatementKind): void {
  const found = mention.exec(sql)?.[0];
  if (found === undefined) {
    return;
  }
  // What a schema says lasts, and arguments of a virtual table are in no form that is known here.
  const refusal = kind === 'schema' ? internalRefusal(found) : internalRefusal(namedIn(sql) ?? '');
  if (refusal !== undefined) {
    throw refusal;
  }
}

/** A name of Quorate among the tokens; longer strings are data. */
function namedIn(sql: string): string | undefined {
  return tokenize(sql)
    .filter(({ kind, text }) => kind === 'word' || kind === 'quoted' || (kind === 'string' && nameLike.test(text)))
    .map((token) => identifierOf(sql, token))
    .find(isInternalName);
}
