import type { DatabaseSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import { rowItems } from './operation-format.ts';
import type { ColumnShape, TableShape } from './table-shape.ts';
import { quoteIdentifier } from './tokenizer.ts';

/** Takes the plain form of a change; answers 1 when it needs the raw form. */
export const captureFunction = '_quorate_capture';
/** Takes the raw form of a change. */
export const captureRawFunction = '_quorate_capture_raw';
/** Takes a part of the raw form of a change, for tables with many columns; the first argument numbers the part. */
export const capturePartFunction = '_quorate_capture_part';
/** Takes a change in raw form whose values have come as parts; their answers are its further arguments. */
export const capturePartsFunction = '_quorate_capture_parts';

/** The functions that triggers call, and nobody else may. */
export const captureFunctions: ReadonlySet<string> = new Set([
  captureFunction,
  captureRawFunction,
  capturePartFunction,
  capturePartsFunction,
]);

/** SQLite passes at most this many arguments to a function; an update passes up to four for each column. */
const maximumArguments = 1000;

/** Rows are also read as a whole, with marks of types among them, and a SELECT gives at most 2000 columns. */
const maximumColumns = 1900;

const events = [
  { name: 'insert', item: rowItems.insert, images: ['new'] },
  { name: 'update', item: rowItems.update, images: ['old', 'new'] },
  { name: 'delete', item: rowItems.delete, images: ['old'] },
] as const;

function plainValue(column: ColumnShape, reference: string): string[] {
  return column.textual ? [`octet_length(${reference})`, reference] : [reference];
}

function rawValue(reference: string): string[] {
  const isText = `typeof(${reference}) = 'text'`;
  return [isText, `iif(${isText}, CAST(${reference} AS BLOB), ${reference})`];
}

function columnArguments(column: ColumnShape, images: readonly string[], raw: boolean): string[] {
  return images.flatMap((image) => {
    const reference = `${image}.${quoteIdentifier(column.name)}`;
    return raw ? rawValue(reference) : plainValue(column, reference);
  });
}

/** `images` are the names that columns are qualified with. */
function valueArguments(table: TableShape, images: readonly string[], raw: boolean): string[] {
  const keys = table.keyedByPrimaryKey
    ? table.keyColumns.flatMap((column) => columnArguments(column, images, raw))
    : table.keyColumns.flatMap((column) => images.map((image) => `${image}.${quoteIdentifier(column.name)}`));
  const values = table.valueColumns.flatMap((column) => columnArguments(column, images, raw));
  return [...keys, ...values];
}

/** Numbers are written as reals, which arrive as JS numbers. */
function call(name: string, first: readonly number[], rest: readonly string[]): string {
  return `${name}(${[...first.map((number) => `${number}.0`), ...rest].join(', ')})`;
}

/** Captures the rows of `source`, or the one of a trigger. The raw call is evaluated only when the plain one asks for it. */
function captureSql(table: TableShape, item: number, images: readonly string[], source = ''): string {
  const change = [table.number, item];
  const raw = valueArguments(table, images, true);
  if (change.length + raw.length > maximumArguments) {
    return `SELECT ${call(capturePartsFunction, change, partCalls(raw))} ${source}`;
  }
  const plain = valueArguments(table, images, false);
  return `SELECT ${call(captureRawFunction, change, raw)} ${source} WHERE ${call(captureFunction, change, plain)}`;
}

/** As arguments of the call that ends the change they are evaluated before it. */
function partCalls(values: readonly string[]): string[] {
  const parts: string[] = [];
  const partLength = maximumArguments - 1;
  for (let start = 0; start < values.length; start += partLength) {
    parts.push(call(capturePartFunction, [parts.length], values.slice(start, start + partLength)));
  }
  return parts;
}

function triggerName(table: TableShape, event: string): string {
  return `_quorate_${table.number}_${event}`;
}

/** @throws QuorateError UNSUPPORTED_STATEMENT for a table with too many columns */
export function requireCapturable({ name, keyColumns, valueColumns }: TableShape): void {
  const columns = keyColumns.length + valueColumns.length;
  if (columns > maximumColumns) {
    throw new QuorateError('UNSUPPORTED_STATEMENT', `the table ${name} has too many columns to be replicated`, {
      hint: `Split the table: up to ${maximumColumns} columns can be replicated.`,
      details: { table: name, columns },
    });
  }
}

/** Creates the TEMP triggers that capture the changes of an ordinary table. */
export function installCaptureTriggers(db: DatabaseSync, table: TableShape): void {
  requireCapturable(table);
  for (const { name, item, images } of events) {
    const body = captureSql(table, item, images);
    db.exec(
      `CREATE TEMP TRIGGER ${triggerName(table, name)} AFTER ${name} ON main.${quoteIdentifier(table.name)} ` +
        `BEGIN ${body}; END`,
    );
  }
}

/** Removes them; nothing happens where they are gone already. */
export function removeCaptureTriggers(db: DatabaseSync, table: TableShape): void {
  for (const { name } of events) {
    db.exec(`DROP TRIGGER IF EXISTS temp.${triggerName(table, name)}`);
  }
}

/** A statement that captures all rows of a table as inserts, in the order of their keys. */
export function captureAllRowsSql(table: TableShape): string {
  return captureSql(table, rowItems.insert, ['t'], `FROM main.${quoteIdentifier(table.name)} AS t`);
}
