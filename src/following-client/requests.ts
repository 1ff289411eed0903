import { QuorateError } from '../errors/interface.ts';
import { decodePosition, type Position } from '../position/interface.ts';
import type { LinkedStream } from './node-link.ts';
import type { AckLevel, Consistency, Row, SqlParameters, Statement, StatementOutcome } from './types.ts';
import { encodeParameters, rowsOf, type WireResult } from './values.ts';
import { errorFromWire, type WireError } from './wire-error.ts';

/** What a node tells of what it has run. */
export interface Receipt {
  /** Undefined inside a transaction. */
  readonly position: Position | undefined;
  readonly acks: number;
  readonly repeated: boolean;
}

export interface ReadRequest {
  readonly sql: string;
  readonly parameters: SqlParameters | undefined;
  readonly consistency: Consistency;
  /** Position of the session. */
  readonly after: Position | undefined;
  readonly waitMs: number;
}

export interface WriteRequest {
  readonly key: string | undefined;
  readonly acks: AckLevel | undefined;
}

interface BatchAnswer {
  readonly result: {
    readonly step_results: readonly (WireResult | null)[];
    readonly step_errors: readonly (WireError | null)[];
  };
}

/** Runs one statement that reads. @throws what `LinkedStream.request` does */
export async function sendRead(
  stream: LinkedStream,
  { sql, parameters, consistency, after, waitMs }: ReadRequest,
  timeoutMs: number,
): Promise<{ readonly result: WireResult; readonly receipt: Receipt }> {
  const quorate = { consistency: wireConsistency(consistency), wait_ms: waitMs };
  const index = after === undefined ? {} : { replication_index: String(after.txId) };
  const stmt = { sql, ...encodeParameters(parameters), ...index, quorate };
  return await execute(stream, stmt, timeoutMs);
}

/** Runs one statement as a transaction. @throws what `LinkedStream.request` does */
export async function sendWrite(
  stream: LinkedStream,
  { sql, parameters }: Statement,
  { key, acks }: WriteRequest,
  timeoutMs: number,
): Promise<{ readonly result: WireResult; readonly receipt: Receipt }> {
  const quorate = { key, acks: wireAcks(acks) };
  return await execute(stream, { sql, ...encodeParameters(parameters), quorate }, timeoutMs);
}

/** Runs one statement on a stream that holds a transaction. `key`: that of the transaction, with its COMMIT. */
export async function sendInside(
  stream: LinkedStream,
  { sql, parameters }: Statement,
  timeoutMs: number,
  key?: string,
): Promise<{ readonly result: WireResult; readonly receipt: Receipt }> {
  const wishes = key === undefined ? {} : { quorate: { key } };
  return await execute(stream, { sql, ...encodeParameters(parameters), ...wishes }, timeoutMs);
}

async function execute(stream: LinkedStream, stmt: object, timeoutMs: number) {
  const { result } = await stream.request<{ readonly result: WireResult }>({ type: 'execute', stmt }, timeoutMs);
  return { result, receipt: receiptOf(result) };
}

/** Runs statements as one transaction. @throws what `LinkedStream.request` does; `details.statement` is the one that failed */
export async function sendBatch(
  stream: LinkedStream,
  statements: readonly Statement[],
  { key, acks }: WriteRequest,
  timeoutMs: number,
): Promise<{ readonly results: readonly WireResult[]; readonly receipt: Receipt }> {
  const inner = statements.map(({ sql, parameters }) => ({ sql, ...encodeParameters(parameters) }));
  const texts = [{ sql: 'BEGIN IMMEDIATE' }, ...inner, { sql: 'COMMIT' }];
  const steps = texts.map((stmt, i) => (i === 0 ? { stmt } : { stmt, condition: { type: 'ok', step: i - 1 } }));
  const batch = { steps, quorate: { key, acks: wireAcks(acks) } };
  const { result } = await stream.request<BatchAnswer>({ type: 'batch', batch }, timeoutMs);
  const failed = result.step_errors.findIndex((error) => error !== null);
  if (failed >= 0) {
    throw stepError(result.step_errors[failed] as WireError, failed, statements.length);
  }
  const results = result.step_results.filter((step) => step !== null);
  return { results: results.slice(1, -1), receipt: receiptOf(results.at(-1)) };
}

function stepError(wire: WireError, step: number, count: number): QuorateError {
  const { code, message, details } = errorFromWire(wire);
  const statement = step >= 1 && step <= count ? { statement: step - 1 } : {};
  return new QuorateError(code, message, { details: { ...details, ...statement } });
}

function receiptOf(result: WireResult | undefined): Receipt {
  const { position, acks = 0, repeated = false } = result?.quorate ?? {};
  return { position: position === undefined ? undefined : decodePosition(position), acks, repeated };
}

function wireConsistency(consistency: Consistency): object | undefined {
  if (typeof consistency === 'object') {
    const { maxLagMs, maxLagTransactions } = consistency;
    return { level: 'bounded', max_lag_ms: maxLagMs, max_lag_transactions: maxLagTransactions };
  }
  return consistency === 'linearizable' ? { level: 'linearizable' } : undefined;
}

function wireAcks(level: AckLevel | undefined): object | undefined {
  return level && { level: level.kind, ...('acks' in level && { acks: level.acks }) };
}

/** A result for the program. @throws QuorateError INTEGER_OUT_OF_RANGE */
export function outcomeOf<R extends object = Row>(result: WireResult, bigint = false): StatementOutcome<R> {
  const { affected_row_count: changes, last_insert_rowid: rowid } = result;
  return { changes, lastInsertRowid: rowid === null ? undefined : BigInt(rowid), rows: rowsOf<R>(result, bigint) };
}
