import { isReadPragma, parsePragma } from './pragma-rules.ts';
import { classify } from './statement-kind.ts';
import { splitStatements } from './statement-splitter.ts';
import { identifierOf, nextToken, type Token, tokenize } from './tokenizer.ts';
import type { StatementKind } from './types.ts';
import { listParameters, type ParameterList } from './value-binding.ts';

/** What BEGIN, COMMIT, ROLLBACK and the words around savepoints ask for. */
export type TransactionCommand =
  | { readonly action: 'begin'; readonly mode: 'deferred' | 'immediate' | 'readonly' }
  | { readonly action: 'commit' | 'rollback' }
  /** `name` is in lower case, as SQLite compares it. */
  | { readonly action: 'savepoint' | 'release' | 'rollback-to'; readonly name: string };

/** What the text of one statement tells without a connection. */
export interface StatementText {
  /** The statement alone, without semicolon. */
  readonly sql: string;
  readonly kind: StatementKind;
  readonly parameters: ParameterList;
  readonly isExplain: boolean;
  /** INSERT or REPLACE, so that it sets the last rowid. */
  readonly inserts: boolean;
  /** It leaves the content as it is. */
  readonly isReadOnly: boolean;
  readonly command: TransactionCommand | undefined;
  /** `PRAGMA foreign_keys`, set or asked for. */
  readonly foreignKeys: 'on' | 'off' | 'ask' | undefined;
}

/** Describes each statement of a text. Comments and empty statements are left out. */
export function readStatements(text: string): StatementText[] {
  return splitStatements(text).map(readStatement);
}

function readStatement(sql: string): StatementText {
  const kind = classify(sql);
  const first = nextToken(sql, 0);
  const verb = first?.kind === 'word' ? first.text : '';
  const command = kind === 'transaction-control' ? readCommand(sql) : undefined;
  const pragma = kind === 'pragma' ? parsePragma(sql) : undefined;
  return {
    sql,
    kind,
    parameters: listParameters(sql),
    isExplain: verb === 'EXPLAIN',
    inserts: kind === 'write' && insertsRows(sql, verb),
    isReadOnly: kind === 'read' || (pragma !== undefined && isReadPragma(pragma)) || leavesContent(command),
    command,
    foreignKeys: pragma?.name === 'foreign_keys' ? foreignKeysOf(pragma.argument) : undefined,
  };
}

/** As SQLite's own sqlite3_stmt_readonly counts them. */
function leavesContent(command: TransactionCommand | undefined): boolean {
  return command !== undefined && !(command.action === 'begin' && command.mode === 'immediate');
}

function insertsRows(sql: string, verb: string): boolean {
  return verb === 'INSERT' || verb === 'REPLACE' || (verb === 'WITH' && /\b(INSERT|REPLACE)\b/i.test(sql));
}

function foreignKeysOf(argument: string | null): StatementText['foreignKeys'] {
  if (argument === null) {
    return 'ask';
  }
  return ['1', 'on', 'true', 'yes'].includes(argument.toLowerCase()) ? 'on' : 'off';
}

/** The words of a statement that stands for a transaction; undefined if it is none, which SQLite then reports. */
function readCommand(sql: string): TransactionCommand | undefined {
  const tokens = tokenize(sql);
  const words = tokens.map((token) => (token.kind === 'word' ? token.text : ''));
  switch (words[0]) {
    case 'BEGIN':
      return readBegin(words);
    case 'COMMIT':
    case 'END':
      return tokens.length === 1 || (tokens.length === 2 && words[1] === 'TRANSACTION')
        ? { action: 'commit' }
        : undefined;
    case 'ROLLBACK':
      return readRollback(sql, tokens, words);
    case 'SAVEPOINT':
      return named('savepoint', sql, tokens, 1);
    default:
      return named('release', sql, tokens, words[1] === 'SAVEPOINT' && tokens.length > 2 ? 2 : 1);
  }
}

/** `BEGIN TRANSACTION READONLY` is what clients send who promise to write nothing; to SQLite it is a name. */
function readBegin(words: readonly string[]): TransactionCommand | undefined {
  const [, ...rest] = words;
  const modes = rest.filter((word) => word !== 'TRANSACTION');
  const mode = modes[0] ?? 'DEFERRED';
  if (modes.length > 1 || rest.length > 2) {
    return undefined;
  }
  if (mode === 'READONLY') {
    return { action: 'begin', mode: 'readonly' };
  }
  if (mode === 'DEFERRED' || mode === 'CONCURRENT') {
    return { action: 'begin', mode: 'deferred' };
  }
  return mode === 'IMMEDIATE' || mode === 'EXCLUSIVE' ? { action: 'begin', mode: 'immediate' } : undefined;
}

function readRollback(sql: string, tokens: readonly Token[], words: readonly string[]): TransactionCommand | undefined {
  const rest = words[1] === 'TRANSACTION' ? 2 : 1;
  if (tokens.length === rest) {
    return { action: 'rollback' };
  }
  return words[rest] === 'TO'
    ? named(
        'rollback-to',
        sql,
        tokens,
        words[rest + 1] === 'SAVEPOINT' && tokens.length > rest + 2 ? rest + 2 : rest + 1,
      )
    : undefined;
}

function named(
  action: 'savepoint' | 'release' | 'rollback-to',
  sql: string,
  tokens: readonly Token[],
  at: number,
): TransactionCommand | undefined {
  const token = tokens[at];
  if (token === undefined || tokens.length !== at + 1) {
    return undefined;
  }
  const name = identifierOf(sql, token).replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return { action, name };
}
