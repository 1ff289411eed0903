import type { SqlValue } from '../../sqlite/interface.ts';
import { displayWidth, truncateToWidth } from '../display-width.ts';
import { toJson } from '../output.ts';
import { sqlCell, sqlJson } from '../sql-values.ts';
import { type Cell, renderTable } from '../text-table.ts';

export const resultModes = ['table', 'csv', 'json', 'line', 'list'] as const;

/** How rows are shown: a table, comma-separated values (RFC 4180), a JSON array, a line for each value, values with | between. */
export type ResultMode = (typeof resultModes)[number];

export interface ShownResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
}

/** Narrowest column of a table that was made to fit, in cells. */
const minColumnWidth = 4;

/** Blanks between two columns of a table. */
const gapWidth = 2;

/** A result as text. @param terminalWidth cells in a line of the terminal; undefined for as many as there are */
export function resultText(result: ShownResult, mode: ResultMode, terminalWidth: number | undefined): string {
  switch (mode) {
    case 'table':
      return tableText(result, terminalWidth);
    case 'csv':
      return [result.columns, ...result.rows].map((row) => `${row.map(csvField).join(',')}\n`).join('');
    case 'json':
      return `[${result.rows.map((row) => jsonObject(result.columns, row)).join(',\n')}]\n`;
    case 'line':
      return lineText(result);
    case 'list':
      return [result.columns, ...result.rows].map((row) => `${row.map(listField).join('|')}\n`).join('');
  }
}

/** A table in which long values are cut, or a line for each value when even short ones do not fit. */
function tableText({ columns, rows }: ShownResult, terminalWidth = Number.POSITIVE_INFINITY): string {
  const heading = columns.map((name) => sqlCell(name).text);
  const cells = rows.map((row) => row.map(sqlCell));
  const room = terminalWidth - gapWidth * (columns.length - 1);
  const widths = heading.map((title, column) =>
    cells.reduce((width, row) => Math.max(width, displayWidth(row[column]?.text ?? '')), displayWidth(title)),
  );
  if (widths.reduce((sum, width) => sum + width, 0) <= room) {
    return renderTable(heading, cells);
  }
  if (columns.length * minColumnWidth > room) {
    return lineText({ columns, rows });
  }
  const limit = widthLimit(widths, room);
  const cut = (cell: Cell): Cell => ({ ...cell, text: truncateToWidth(cell.text, limit) });
  return renderTable(
    heading.map((title) => truncateToWidth(title, limit)),
    cells.map((row) => row.map(cut)),
  );
}

/** The most cells that each column may take so that all of them fit: narrow ones leave their room to the others. */
function widthLimit(widths: readonly number[], room: number): number {
  let left = room;
  let others = widths.length;
  for (const width of [...widths].sort((a, b) => a - b)) {
    if (width * others > left) {
      break;
    }
    left -= width;
    others -= 1;
  }
  return Math.floor(left / Math.max(1, others));
}

function lineText({ columns, rows }: ShownResult): string {
  const names = columns.map((name) => sqlCell(name).text);
  const width = Math.max(0, ...names.map(displayWidth));
  const lines = rows.map((row) =>
    row.map((value, i) => {
      const name = names[i] ?? '';
      return `${' '.repeat(width - displayWidth(name))}${name} = ${sqlCell(value).text}\n`;
    }),
  );
  return lines.map((block) => block.join('')).join('\n');
}

function csvField(value: SqlValue): string {
  const text = exactText(value);
  return /[",\r\n]/.test(text) || (text === '' && value !== null) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** NULL is nothing, text is itself. */
function exactText(value: SqlValue): string {
  return value === null ? '' : typeof value === 'string' ? value : sqlCell(value).text;
}

function listField(value: SqlValue): string {
  return value === null ? '' : sqlCell(value).text;
}

/** Written by hand, since columns may have the same name and an object would keep only one of them. */
function jsonObject(columns: readonly string[], row: readonly SqlValue[]): string {
  return `{${columns.map((name, i) => `${toJson(name)}:${toJson(sqlJson(row[i] ?? null))}`).join(',')}}`;
}
