import type { Comparison, Difference, DifferentRange } from '../client/interface.ts';
import type { RepairSummary } from './replica-repair.ts';

/** What `quorate verify --json` prints. */
export function comparisonJson(database: string, other: string, comparison: Comparison): Record<string, unknown> {
  const { txId, tables, rows, sizeBytes, ranges, more } = comparison;
  return {
    database,
    with: other,
    equal: comparison.differences.length === 0,
    txId,
    tables,
    rows,
    sizeBytes,
    ranges,
    differences: comparison.differences.map(differenceJson),
    more,
  };
}

function differenceJson(difference: Difference): Record<string, unknown> {
  if (difference.kind !== 'row') {
    return { ...difference };
  }
  const { kind, table, what, readableKey } = difference;
  return { kind, table, what, key: readableKey };
}

/** The same for people. */
export function comparisonText(database: string, other: string, comparison: Comparison): string {
  const { txId, tables, rows, differences, ranges, more } = comparison;
  const compared = `${tables} tables and ${rows} rows at transaction ${txId}`;
  if (differences.length === 0) {
    return `${database} equals ${other}: ${compared}\n`;
  }
  const lines = [
    `${database} differs from ${other}: ${compared}`,
    ...ranges.map(rangeText),
    ...differences.map(differenceText),
    ...(more ? ['there are more; see --max-differences'] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function rangeText({ table, first, last, rowsHere, rowsThere }: DifferentRange): string {
  const from = first === undefined ? 'the start' : JSON.stringify(first);
  const to = last === undefined ? 'the end' : JSON.stringify(last);
  return `  ${table}, from ${from} to ${to}: ${rowsHere} rows here, ${rowsThere} there`;
}

function differenceText(difference: Difference): string {
  switch (difference.kind) {
    case 'schema':
      return '  indexes, views or triggers differ';
    case 'state':
      return '  sqlite_sequence, user_version or application_id differs';
    case 'table':
      return `  table ${difference.table}: ${difference.what === 'definition' ? 'declared otherwise' : difference.what}`;
    case 'row':
      return `  ${difference.table} ${JSON.stringify(difference.readableKey)}: ${difference.what}`;
  }
}

/** What a repair did, for people. */
export function repairText({ repaired, skipped, files }: RepairSummary): string {
  const left = skipped === 0 ? '' : `; ${skipped} had changed meanwhile and were left alone`;
  return `repaired ${repaired} rows${left}; the old and the new rows are in ${files.join(', ')}\n`;
}
