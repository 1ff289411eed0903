import { displayWidth } from './display-width.ts';

/** One cell; `right` for numbers. */
export interface Cell {
  readonly text: string;
  readonly align?: 'left' | 'right';
}

/** Lines of a table: a heading, a rule, and one line for each row, without blanks at the ends. */
export function renderTable(heading: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const widths = heading.map((title, column) =>
    rows.reduce((width, row) => Math.max(width, displayWidth(row[column]?.text ?? '')), displayWidth(title)),
  );
  const line = (cells: readonly Cell[]) =>
    cells
      .map((cell, column) => pad(cell, widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const titles = heading.map((text, column): Cell => ({ text, align: rows[0]?.[column]?.align ?? 'left' }));
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [line(titles), rule, ...rows.map(line)].map((text) => `${text}\n`).join('');
}

function pad({ text, align }: Cell, width: number): string {
  const blanks = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'right' ? blanks + text : text + blanks;
}
