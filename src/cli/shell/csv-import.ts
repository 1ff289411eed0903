import { createReadStream } from 'node:fs';
import { asQuorateError, QuorateError } from '../../errors/interface.ts';
import { quoteIdentifier } from '../../sqlite/interface.ts';
import { CsvReader } from './csv-reader.ts';
import { fileError } from './file-error.ts';
import type { ShellSession } from './shell-session.ts';

/** Values of one INSERT; SQLite takes at most 32,766 parameters. */
const maxParameters = 10_000;

/** Characters of the values of one INSERT. */
const maxInsertLength = 1024 * 1024;

/**
 * Puts the rows of a file of comma-separated values into a table. One that is not there yet is made, with a column for each
 * name in the first line. In an open transaction they become part of it; otherwise each INSERT takes effect on its own.
 * @returns the number of rows
 * @throws QuorateError INVALID_ARGUMENT for a line that does not fit, which names it; what the INSERT throws
 */
export async function importCsv(
  session: ShellSession,
  { file, table }: { readonly file: string; readonly table: string },
  signal: AbortSignal,
): Promise<number> {
  let importer: RowBatch | undefined;
  for await (const row of csvRows(file)) {
    if (importer !== undefined) {
      await importer.add(row, signal);
      continue;
    }
    const columns = await columnCount(session, table, signal);
    importer = new RowBatch(session, table, columns ?? row.length);
    if (columns === undefined) {
      const names = row.map((name) => `${quoteIdentifier(name)} TEXT`).join(', ');
      await session.query(`CREATE TABLE ${quoteIdentifier(table)} (${names})`, signal);
    } else {
      await importer.add(row, signal);
    }
  }
  await importer?.flush(signal);
  return importer?.rows ?? 0;
}

async function* csvRows(file: string): AsyncGenerator<string[]> {
  const reader = new CsvReader();
  try {
    for await (const chunk of createReadStream(file, { encoding: 'utf8' })) {
      yield* reader.add(chunk as string);
    }
  } catch (cause) {
    throw fileError(cause);
  }
  yield* reader.end();
}

/** undefined when the table does not exist. */
async function columnCount(session: ShellSession, table: string, signal: AbortSignal): Promise<number | undefined> {
  const { rows } = await session.query('SELECT count(*) FROM pragma_table_info(?)', signal, [table]);
  return Number(rows[0]?.[0]) || undefined;
}

/** Rows that go to the server together. */
class RowBatch {
  readonly #session: ShellSession;
  readonly #table: string;
  readonly #columns: number;
  #values: string[] = [];
  #length = 0;
  /** Rows that are in the table. */
  rows = 0;

  constructor(session: ShellSession, table: string, columns: number) {
    this.#session = session;
    this.#table = table;
    this.#columns = columns;
  }

  async add(row: readonly string[], signal: AbortSignal): Promise<void> {
    if (row.length !== this.#columns) {
      await this.flush(signal);
      const number = this.rows + 1;
      throw new QuorateError(
        'INVALID_ARGUMENT',
        `row ${number} has ${row.length} values, and the table ${this.#columns} columns`,
        { hint: `The ${this.rows} rows before it are in the table.`, details: { row: number } },
      );
    }
    this.#values.push(...row);
    this.#length += row.reduce((sum, value) => sum + value.length, 0);
    if (this.#values.length + this.#columns > maxParameters || this.#length > maxInsertLength) {
      await this.flush(signal);
    }
  }

  async flush(signal: AbortSignal): Promise<void> {
    const rows = this.#values.length / this.#columns;
    if (rows === 0) {
      return;
    }
    const marks = `(${Array(this.#columns).fill('?').join(', ')})`;
    const sql = `INSERT INTO ${quoteIdentifier(this.#table)} VALUES ${Array(rows).fill(marks).join(', ')}`;
    try {
      await this.#session.query(sql, signal, this.#values);
    } catch (thrown) {
      throw inRows(asQuorateError(thrown), this.rows, rows);
    }
    this.rows += rows;
    this.#values = [];
    this.#length = 0;
  }
}

function inRows(cause: QuorateError, before: number, count: number): QuorateError {
  return new QuorateError(cause.code, `rows ${before + 1} to ${before + count}: ${cause.message}`, {
    cause,
    hint: `None of these rows is in the table; the ${before} before them are.${cause.hint === undefined ? '' : ` ${cause.hint}`}`,
    details: cause.details,
  });
}
