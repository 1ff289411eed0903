/** What the table shows of one node; undefined is shown as a dash. */
export interface NodeRow {
  readonly node: string;
  readonly role: string;
  readonly state: string;
  /** Last transaction that its readers see. */
  readonly position: number | undefined;
  readonly lagTransactions: number | undefined;
  readonly lagMs: number | undefined;
  readonly transactionsPerSecond: number | undefined;
}

interface Column {
  readonly key: keyof NodeRow;
  readonly title: string;
  /** Columns with the highest number are left out first when the terminal is narrow; 0 always stays. */
  readonly dispensable: number;
}

const columns: readonly Column[] = [
  { key: 'node', title: 'node', dispensable: 0 },
  { key: 'role', title: 'role', dispensable: 3 },
  { key: 'state', title: 'state', dispensable: 5 },
  { key: 'position', title: 'position', dispensable: 0 },
  { key: 'lagTransactions', title: 'lag tx', dispensable: 1 },
  { key: 'lagMs', title: 'lag ms', dispensable: 2 },
  { key: 'transactionsPerSecond', title: 'tx/s', dispensable: 4 },
];

const gap = '   ';

/**
 * The lines of the table: a header, then one line for each row. No line is longer than `width` characters.
 * @param width columns of the terminal
 */
export function renderNodeTable(rows: readonly NodeRow[], width: number): string[] {
  const shown = fittingColumns(rows, width);
  const widths = shown.map((column) => columnWidth(column, rows));
  const header = shown.map((column, index) => pad(column.title, widths[index] ?? 0, isNumeric(column)));
  const lines = rows.map((row) =>
    shown.map((column, index) => pad(cellText(row[column.key]), widths[index] ?? 0, isNumeric(column))),
  );
  return [header, ...lines].map((cells) => cells.join(gap).trimEnd().slice(0, Math.max(width, 0)));
}

/** Leaves out one dispensable column after the other until the rest fits. */
function fittingColumns(rows: readonly NodeRow[], width: number): Column[] {
  const shown = [...columns];
  const totalWidth = () =>
    shown.reduce((sum, column) => sum + columnWidth(column, rows), 0) + gap.length * (shown.length - 1);
  for (let level = 5; level > 0 && totalWidth() > width; level -= 1) {
    shown.splice(
      shown.findIndex((column) => column.dispensable === level),
      1,
    );
  }
  return shown;
}

function columnWidth(column: Column, rows: readonly NodeRow[]): number {
  return Math.max(column.title.length, ...rows.map((row) => cellText(row[column.key]).length));
}

function isNumeric({ key }: Column): boolean {
  return key !== 'node' && key !== 'role' && key !== 'state';
}

function pad(text: string, width: number, right: boolean): string {
  return right ? text.padStart(width) : text.padEnd(width);
}

function cellText(value: string | number | undefined): string {
  if (value === undefined) {
    return '-';
  }
  return typeof value === 'number' ? Math.round(value).toLocaleString('en-US') : value;
}
