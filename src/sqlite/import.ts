import { QuorateError } from '../errors/interface.ts';
import { RawText, type StoredValue } from './byte-reader.ts';
import { ImportSource } from './import-source.ts';
import type { PrimaryConnection } from './primary-connection.ts';
import type { RowImporter } from './row-importer.ts';
import type { StoredRow } from './stored-rows.ts';
import type { TableShape } from './table-shape.ts';
import type { CapturedTransaction, SqlValue } from './types.ts';

/** How far an import has come. */
export interface ImportProgress {
  /** The table whose rows came last; undefined for schema statements. */
  readonly table: string | undefined;
  /** Rows copied so far. */
  readonly rows: number;
  /** Bytes of their values. */
  readonly bytes: number;
}

/** A part of an import, in the open group transaction of the connection. */
export interface ImportedChunk {
  readonly captured: CapturedTransaction;
  readonly progress: ImportProgress;
}

export interface ImportOptions {
  /** A chunk ends when it has this many bytes of values. Default 4 MiB. */
  readonly chunkBytes?: number | undefined;
  /** … or this many rows and schema statements. Default 20,000. */
  readonly chunkSteps?: number | undefined;
}

const defaultChunkBytes = 4 * 1024 * 1024;
const defaultChunkSteps = 20_000;

/** One step of an import: a schema statement or a row. */
type Step =
  | { readonly sql: string; readonly parameters?: readonly SqlValue[] }
  | { readonly clear: string }
  | { readonly table: string; readonly row: StoredRow };

/**
 * Copies an existing SQLite file into an empty database, as transactions that are captured like any other: replicas
 * receive it through the log.
 *
 * Each chunk is given with the connection's group transaction open; whoever iterates logs `captured` and commits, then
 * asks for the next one. No other client transaction may run before the iteration has ended, because foreign keys are
 * not enforced meanwhile. Giving up early rolls an uncommitted chunk back; what was committed stays.
 *
 * @throws QuorateError INVALID_ARGUMENT if the database is not empty; what `ImportSource.open` and the statements throw
 */
export function* importDatabase(
  connection: PrimaryConnection,
  sourcePath: string,
  options: ImportOptions = {},
): Generator<ImportedChunk, void> {
  if (!connection.isEmpty) {
    throw new QuorateError('INVALID_ARGUMENT', 'the database is not empty', {
      hint: 'Import into a new database.',
    });
  }
  using source = ImportSource.open(sourcePath);
  const importer = connection.rowImporter();
  importer.enforceForeignKeys(false);
  try {
    yield* chunks(connection, importer, steps(source), options);
  } finally {
    connection.rollback();
    importer.enforceForeignKeys(true);
    importer.finish();
  }
}

function* chunks(
  connection: PrimaryConnection,
  importer: RowImporter,
  source: Generator<Step>,
  { chunkBytes = defaultChunkBytes, chunkSteps = defaultChunkSteps }: ImportOptions,
): Generator<ImportedChunk, void> {
  let progress: ImportProgress = { table: undefined, rows: 0, bytes: 0 };
  for (let next = source.next(); next.done !== true; ) {
    connection.begin();
    connection.beginClient();
    const endBytes = progress.bytes + chunkBytes;
    for (let taken = 0; next.done !== true && taken < chunkSteps && progress.bytes < endBytes; taken++) {
      progress = perform(connection, importer, next.value, progress);
      next = source.next();
    }
    yield { captured: connection.endClient(), progress };
  }
}

function perform(
  connection: PrimaryConnection,
  importer: RowImporter,
  step: Step,
  progress: ImportProgress,
): ImportProgress {
  if ('sql' in step) {
    connection.run(step);
    return { ...progress, table: undefined };
  }
  if ('clear' in step) {
    importer.clear(step.clear);
    return progress;
  }
  importer.insert(step.table, step.row);
  const bytes = progress.bytes + sizeOf(step.row.key) + sizeOf(step.row.values);
  return { table: step.table, rows: progress.rows + 1, bytes };
}

/** Indexes, views and triggers come last: rows load faster without them, and triggers have fired already. */
function* steps(source: ImportSource): Generator<Step> {
  for (const table of source.ordinaryTables) {
    yield { sql: table.sql };
    yield* tableRows(source, table);
  }
  for (const table of source.virtualTables) {
    yield { sql: table.sql };
  }
  for (const table of source.shadowTables) {
    yield { clear: table.name };
    yield* tableRows(source, table);
  }
  yield* finalState(source);
  for (const type of ['index', 'view', 'trigger'] as const) {
    for (const { sql } of source.schema(type)) {
      yield { sql: sql as string };
    }
  }
}

function* tableRows(source: ImportSource, table: TableShape): Generator<Step> {
  for (const row of source.rows(table)) {
    yield { table: table.name, row };
  }
}

function* finalState(source: ImportSource): Generator<Step> {
  const sequences = source.sequences();
  if (sequences.length > 0) {
    yield { sql: 'DELETE FROM sqlite_sequence' };
  }
  for (const [name, seq] of sequences) {
    yield { sql: 'INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)', parameters: [name, seq] };
  }
  for (const pragma of ['user_version', 'application_id'] as const) {
    yield { sql: `PRAGMA ${pragma} = ${source.pragma(pragma)}` };
  }
}

function sizeOf(values: readonly StoredValue[]): number {
  let bytes = 0;
  for (const value of values) {
    if (value instanceof RawText) {
      bytes += value.bytes.length;
    }
    bytes += value instanceof Uint8Array ? value.length : 8;
  }
  return bytes;
}
