import { QuorateError } from '../errors/interface.ts';
import { refuseInternalNames } from './internal-mentions.ts';
import { PreparedStatement } from './prepared-statement.ts';
import type { StatementAuthorizer } from './statement-authorizer.ts';
import { StatementCache } from './statement-cache.ts';
import { classify, singleStatement } from './statement-kind.ts';
import type { SchemaSnapshot, TableCatalogue } from './table-catalogue.ts';
import { firstKeyword, tokenize } from './tokenizer.ts';

/** A statement of a client with the precautions that it needs. */
export class ClientStatement extends PreparedStatement {
  /** It may replace rows, which fires no delete triggers. */
  readonly replaces: boolean;
  /** It may write to a virtual table. */
  readonly writesVirtual: boolean;
  /** A failure of it may leave a part of its changes behind, so it runs in a savepoint of its own. */
  readonly guarded: boolean;
  /** The AUTOINCREMENT tables that it may insert into. */
  readonly sequences: readonly string[];
  readonly writesSequenceTable: boolean;
  /** It needs none of the precautions but `replaces`. */
  readonly plain: boolean;

  constructor(fields: ConstructorParameters<typeof PreparedStatement>[0], schema: SchemaSnapshot) {
    super(fields);
    const words = fields.kind === 'write' ? keywordsOf(fields.sql) : noKeywords;
    const written = [...fields.effects.writtenTables];
    const tables = written.flatMap((name) => schema.tables.get(name) ?? []);
    this.replaces = words.has('REPLACE');
    this.writesVirtual = tables.some((table) => table.kind !== 'ordinary');
    this.guarded =
      fields.kind === 'write' &&
      (this.returnsRows || words.has('FAIL') || schema.triggersFail || tables.some((table) => table.fails));
    this.sequences = tables.filter((table) => table.autoincrement).map((table) => table.name);
    this.writesSequenceTable = fields.effects.writtenTables.has('sqlite_sequence');
    this.plain =
      fields.kind === 'read' ||
      (fields.kind === 'write' &&
        !this.guarded &&
        !this.writesVirtual &&
        this.sequences.length === 0 &&
        !this.writesSequenceTable);
  }
}

const noKeywords: ReadonlySet<string> = new Set();

function keywordsOf(sql: string): ReadonlySet<string> {
  const tokens = tokenize(sql);
  // replace(a, b, c) is a function; the keyword never stands before a parenthesis.
  const words = tokens.filter((token, i) => token.kind === 'word' && tokens[i + 1]?.text !== '(');
  return new Set(words.map((token) => token.text));
}

/** Prepares the statements of clients and keeps those used last. */
export class StatementPreparer {
  readonly authorizer: StatementAuthorizer;
  readonly #catalogue: TableCatalogue;
  readonly #cache: StatementCache<ClientStatement>;

  constructor(authorizer: StatementAuthorizer, catalogue: TableCatalogue, limit: number) {
    this.authorizer = authorizer;
    this.#catalogue = catalogue;
    this.#cache = new StatementCache(limit);
  }

  /** @throws QuorateError INVALID_ARGUMENT, UNSUPPORTED_STATEMENT, or what SQLite throws */
  prepare(text: string): ClientStatement {
    return this.#cache.get(text) ?? this.#prepare(text);
  }

  /** To be called when the schema has changed: what is known of the statements may be wrong now. */
  clear(): void {
    this.#cache.clear();
  }

  #prepare(text: string): ClientStatement {
    const sql = singleStatement(text);
    if (firstKeyword(sql) === 'VACUUM') {
      throw new QuorateError('UNSUPPORTED_STATEMENT', 'VACUUM is not allowed', {
        hint: 'It would give rows new rowids, by which replication knows them. Export the database for a compact copy.',
      });
    }
    const kind = classify(sql);
    refuseInternalNames(sql, kind);
    const { statement, effects } = this.authorizer.prepare(sql);
    const prepared = new ClientStatement({ sql, statement, kind, effects }, this.#catalogue.current);
    // Some pragmas act when they are prepared, and a schema statement is run once.
    if (kind === 'read' || kind === 'write') {
      this.#cache.set(text, prepared);
    }
    return prepared;
  }
}
