import { QuorateError } from '../errors/interface.ts';
import type { StoredValue } from './byte-reader.ts';
import { ImportSource } from './import-source.ts';
import { sqlLiteral } from './sql-literal.ts';
import type { TableShape } from './table-shape.ts';
import { identifierOf, quoteIdentifier, quoteString, type Token, tokenize } from './tokenizer.ts';

/** Characters after which the rows of a table go on in another INSERT. */
const insertLength = 16 * 1024;

/**
 * The statements, each with its semicolon, that rebuild the content of a SQLite file: in an empty database of Quorate, and in the
 * shell of SQLite. One transaction, since foreign keys are only checked at its end.
 *
 * Tables come first, so that every parent of a foreign key is there when rows come; indexes before rows, because a foreign
 * key may need a unique one; triggers last, because what they did is among the rows.
 * @throws QuorateError UNSUPPORTED_STATEMENT for full-text tables that do not keep their text; what `ImportSource.open` throws
 */
export function* dumpStatements(filePath: string): Generator<string> {
  using source = ImportSource.open(filePath);
  yield 'BEGIN;';
  yield 'PRAGMA defer_foreign_keys = ON;';
  for (const { sql } of [...source.ordinaryTables, ...source.virtualTables, ...source.schema('index')]) {
    yield `${sql};`;
  }
  for (const table of source.ordinaryTables) {
    yield* inserts(table.name, tableRows(source, table));
  }
  for (const table of source.virtualTables) {
    yield* virtualContent(source, table);
  }
  yield* sequencesAndVersions(source);
  for (const { sql } of [...source.schema('view'), ...source.schema('trigger')]) {
    yield `${sql};`;
  }
  yield 'COMMIT;';
}

interface NamedRow {
  readonly columns: readonly string[];
  readonly values: readonly StoredValue[];
}

function* tableRows(source: ImportSource, table: TableShape): Generator<NamedRow> {
  const columns = [...table.keyColumns, ...table.valueColumns].map(({ name }) => name);
  for (const { key, values } of source.rows(table)) {
    yield { columns, values: [...key, ...values] };
  }
}

/** One line for each row. */
function* inserts(table: string, rows: Iterable<NamedRow>): Generator<string> {
  let head = '';
  let lines: string[] = [];
  let length = 0;
  for (const { columns, values } of rows) {
    head ||= `INSERT INTO ${quoteIdentifier(table)} (${columns.map(quoteIdentifier).join(', ')}) VALUES`;
    const line = `(${values.map(sqlLiteral).join(', ')})`;
    if (lines.length > 0 && length + line.length > insertLength) {
      yield `${head}\n${lines.join(',\n')};`;
      lines = [];
      length = 0;
    }
    lines.push(line);
    length += line.length;
  }
  if (lines.length > 0) {
    yield `${head}\n${lines.join(',\n')};`;
  }
}

/** Rows go in through the virtual table itself, whose shadow tables nobody else may write. */
function* virtualContent(source: ImportSource, table: TableShape): Generator<string> {
  const module = moduleOf(table);
  if (module === 'fts5vocab' || module === 'fts4aux') {
    return;
  }
  const isText = module.startsWith('fts');
  const content = isText ? externalContent(table) : undefined;
  if (content === '') {
    throw new QuorateError(
      'UNSUPPORTED_STATEMENT',
      `the table ${table.name} keeps no text that could be written as SQL`,
      {
        hint: 'Move the database as a file: quorate database export and import.',
      },
    );
  }
  if (content !== undefined) {
    const name = quoteIdentifier(table.name);
    yield `INSERT INTO ${name} (${name}) VALUES (${quoteString('rebuild')});`;
    return;
  }
  yield* inserts(table.name, source.shownRows(table, isText || module === 'geopoly'));
}

function moduleOf({ sql }: TableShape): string {
  const tokens = tokenize(sql);
  const module = tokens[tokens.findIndex(({ text }) => text === 'USING') + 1];
  return module === undefined ? '' : identifierOf(sql, module).toLowerCase();
}

/** The table that `content=` names, empty for none; undefined when the full-text table keeps its text itself. */
function externalContent({ sql }: TableShape): string | undefined {
  const tokens = tokenize(sql);
  const at = tokens.findIndex(({ text }, i) => text === 'CONTENT' && tokens[i + 1]?.text === '=');
  const value: Token | undefined = at < 0 ? undefined : tokens[at + 2];
  return value === undefined ? undefined : identifierOf(sql, value);
}

function* sequencesAndVersions(source: ImportSource): Generator<string> {
  const sequences = source.sequences();
  if (sequences.length > 0) {
    yield 'DELETE FROM sqlite_sequence;';
    yield* inserts(
      'sqlite_sequence',
      sequences.map((values) => ({ columns: ['name', 'seq'], values })),
    );
  }
  for (const pragma of ['user_version', 'application_id'] as const) {
    const value = source.pragma(pragma);
    if (value !== 0) {
      yield `PRAGMA ${pragma} = ${value};`;
    }
  }
}
