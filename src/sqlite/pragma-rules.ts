import { QuorateError } from '../errors/interface.ts';
import { identifierOf, tokenize } from './tokenizer.ts';

/** `PRAGMA [schema.]name [= argument]`. */
export interface PragmaCall {
  /** In lower case. */
  readonly name: string;
  readonly argument: string | null;
}

/** Pragmas that only read, with or without an argument. */
const readOnly = new Set([
  'collation_list',
  'compile_options',
  'database_list',
  'foreign_key_check',
  'foreign_key_list',
  'function_list',
  'index_info',
  'index_list',
  'index_xinfo',
  'integrity_check',
  'module_list',
  'pragma_list',
  'quick_check',
  'table_info',
  'table_list',
  'table_xinfo',
]);

/** Settings that may be read, and set to the values listed: those that they have anyway. */
const settings: Readonly<Record<string, readonly string[]>> = {
  analysis_limit: [],
  auto_vacuum: [],
  automatic_index: [],
  busy_timeout: [],
  cache_size: [],
  cell_size_check: [],
  checkpoint_fullfsync: [],
  data_version: [],
  encoding: ['utf-8', 'utf8'],
  foreign_keys: ['1', 'on', 'true', 'yes'],
  freelist_count: [],
  fullfsync: [],
  ignore_check_constraints: ['0', 'off', 'false', 'no'],
  journal_mode: ['wal'],
  journal_size_limit: [],
  legacy_alter_table: ['0', 'off', 'false', 'no'],
  locking_mode: ['normal'],
  max_page_count: [],
  mmap_size: [],
  page_count: [],
  page_size: [],
  query_only: ['0', 'off', 'false', 'no'],
  read_uncommitted: ['0', 'off', 'false', 'no'],
  recursive_triggers: ['0', 'off', 'false', 'no'],
  reverse_unordered_selects: ['0', 'off', 'false', 'no'],
  schema_version: [],
  secure_delete: [],
  synchronous: ['1', 'normal'],
  temp_store: [],
  threads: [],
  trusted_schema: [],
  wal_autocheckpoint: [],
  writable_schema: ['0', 'off', 'false', 'no'],
};

/** Pragmas that a writer may also set. */
const writable = new Set(['user_version', 'application_id', 'defer_foreign_keys', 'optimize']);

const remedies: Readonly<Record<string, string>> = {
  foreign_keys: 'Foreign keys are always enforced; use PRAGMA defer_foreign_keys = ON inside a transaction.',
  writable_schema: 'Change the schema with CREATE, ALTER and DROP, which are replicated.',
  recursive_triggers: 'Triggers are not recursive in a replicated database.',
  journal_mode: 'Replication relies on WAL mode.',
  synchronous: 'The transaction log makes commits durable; SQLite runs with synchronous = NORMAL.',
};

/** Reads a PRAGMA statement. Undefined if it is malformed, which SQLite then reports. */
export function parsePragma(sql: string): PragmaCall | undefined {
  const tokens = tokenize(sql);
  const at = tokens[2]?.text === '.' ? 3 : 1;
  const nameToken = tokens[at];
  if (nameToken === undefined) {
    return undefined;
  }
  const hasArgument = tokens[at + 1]?.text === '=' || tokens[at + 1]?.text === '(';
  const words = tokens.slice(at + 2).filter((token) => token.text !== ')');
  const argument = words.map((token) => identifierOf(sql, token)).join('');
  return { name: identifierOf(sql, nameToken).toLowerCase(), argument: hasArgument ? argument : null };
}

/** Whether a pragma changes neither content nor settings. */
export function isReadPragma({ name, argument }: PragmaCall): boolean {
  return readOnly.has(name) || argument === null;
}

/** Why a pragma is refused on a connection that writes, or undefined if it is allowed. */
export function pragmaRefusal({ name, argument }: PragmaCall): QuorateError | undefined {
  return writable.has(name) ? undefined : readPragmaRefusal({ name, argument });
}

/** Why a pragma is refused where only reads are allowed, or undefined if it is allowed. */
export function readPragmaRefusal({ name, argument }: PragmaCall): QuorateError | undefined {
  if (readOnly.has(name) || (writable.has(name) && argument === null && name !== 'optimize')) {
    return undefined;
  }
  const allowed = Object.hasOwn(settings, name) ? settings[name] : undefined;
  if (allowed !== undefined && (argument === null || allowed.includes(argument.toLowerCase()))) {
    return undefined;
  }
  const what = argument === null ? name : `${name} = ${argument}`;
  return new QuorateError('UNSUPPORTED_STATEMENT', `PRAGMA ${what} is not allowed`, {
    hint: remedies[name] ?? 'Only pragmas that read, user_version, application_id and defer_foreign_keys are allowed.',
    details: { pragma: name },
  });
}
