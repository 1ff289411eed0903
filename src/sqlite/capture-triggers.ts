import type { DatabaseSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import { rowItems } from './operation-format.ts';
import type { ColumnShape, TableShape } from './table-shape.ts';
import { quoteIdentifier } from './tokenizer.ts';

/** Takes the plain form of a change; answers 1 when it needs the raw form. */
export const captureFunction = '_quorate_capture';
/** Takes the raw form of a change. */
export const captureRawFunction = '_quorate_capture_raw';

/** SQLite passes at most this many arguments to a function; an update passes up to four for each column. */
const maximumArguments = 1000;

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

/** `images` are the names that columns are qualified with. Numbers are written as reals, which arrive as JS numbers. */
function callArguments(table: TableShape, item: number, images: readonly string[], raw: boolean): string {
  const keys = table.keyedByPrimaryKey
    ? table.keyColumns.flatMap((column) => columnArguments(column, images, raw))
    : table.keyColumns.flatMap((column) => images.map((image) => `${image}.${quoteIdentifier(column.name)}`));
  const values = table.valueColumns.flatMap((column) => columnArguments(column, images, raw));
  const all = [`${table.number}.0`, `${item}.0`, ...keys, ...values];
  if (all.length > maximumArguments) {
    throw new QuorateError('UNSUPPORTED_STATEMENT', `the table ${table.name} has too many columns to be replicated`, {
      hint: 'Split the table: up to 249 columns can be replicated.',
      details: { table: table.name, columns: table.valueColumns.length },
    });
  }
  return all.join(', ');
}

/** The raw call is evaluated only when the plain one in WHERE asks for it. */
function captureSelect(table: TableShape, item: number, images: readonly string[]): string {
  const raw = `${captureRawFunction}(${callArguments(table, item, images, true)})`;
  return `SELECT ${raw}`;
}

function captureCondition(table: TableShape, item: number, images: readonly string[]): string {
  return `WHERE ${captureFunction}(${callArguments(table, item, images, false)})`;
}

function triggerName(table: TableShape, event: string): string {
  return `_quorate_${table.number}_${event}`;
}

/** @throws QuorateError UNSUPPORTED_STATEMENT for a table with too many columns */
export function requireCapturable(table: TableShape): void {
  callArguments(table, rowItems.update, ['old', 'new'], true);
}

/** Creates the TEMP triggers that capture the changes of an ordinary table. */
export function installCaptureTriggers(db: DatabaseSync, table: TableShape): void {
  for (const { name, item, images } of events) {
    const body = `${captureSelect(table, item, images)} ${captureCondition(table, item, images)}`;
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
  const images = ['t'];
  const source = `FROM main.${quoteIdentifier(table.name)} AS t`;
  return `${captureSelect(table, rowItems.insert, images)} ${source} ${captureCondition(table, rowItems.insert, images)}`;
}
