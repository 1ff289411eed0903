import { encodePosition } from '../../database/interface.ts';
import type { StatementDescription, StatementText } from '../../sqlite/interface.ts';
import type { Execution } from './sql-session.ts';
import { encodeColumns, encodeRows, type ResponseBudget } from './values.ts';

/** Number of changed rows and the last rowid, which only an insert has. */
export function encodeChanges({ result }: Execution, text: StatementText): string {
  const { changes, lastInsertRowid } = result;
  const rowid = text.inserts && changes > 0 ? `"${lastInsertRowid}"` : 'null';
  return `"affected_row_count":${changes},"last_insert_rowid":${rowid}`;
}

function encodeIndex({ txId }: Execution): string {
  return txId === undefined ? 'null' : `"${txId}"`;
}

/** For those who asked with the field `quorate`. */
function encodeReceipt({ receipt }: Execution): string {
  return receipt === undefined
    ? ''
    : `,"quorate":${JSON.stringify({ ...receipt, position: encodePosition(receipt.position) })}`;
}

/** A result as JSON text. @throws QuorateError RESULT_TOO_LARGE */
export function encodeResult(
  execution: Execution,
  text: StatementText,
  { wantRows, budget }: { readonly wantRows: boolean; readonly budget: ResponseBudget },
): string {
  const { result } = execution;
  const rows = `"cols":${encodeColumns(result)},"rows":${wantRows ? encodeRows(result.rows, budget) : '[]'}`;
  const counts = `"rows_read":0,"rows_written":${result.changes},"query_duration_ms":0`;
  return `{${rows},${encodeChanges(execution, text)},${counts},"replication_index":${encodeIndex(execution)}${encodeReceipt(execution)}}`;
}

export function encodeDescription(description: StatementDescription, text: StatementText): string {
  const parameters = text.parameters.names.map((name) => ({ name }));
  const { isExplain, isReadOnly } = text;
  return `{"params":${JSON.stringify(parameters)},"cols":${encodeColumns(description)},"is_explain":${isExplain},"is_readonly":${isReadOnly}}`;
}
