import process from 'node:process';
import { asQuorateError, QuorateError } from '../../errors/interface.ts';
import { createNodeRuntime } from '../../runtime/interface.ts';
import { ReadConnection, type StatementResult } from '../../sqlite/interface.ts';
import type { QueryOutcome, ReadAnswer, ReaderQuery, ReaderReply, ReaderRequest } from './reader-messages.ts';

/** Open files of one reader process; the one used longest ago is closed for another. */
const maxConnections = 32;

/** Bytes that a value takes beside its text or blob. */
const valueBytes = 16;

/** Bytes that a row takes in memory at least, whatever its values are; it bounds the rows of a result. */
const rowBytes = 64;

/** Bytes of answers after which no further query is run before they are sent. */
const maxAnswersBytes = 1024 * 1024;

/** Milliseconds and bytes of a query that may be sent together with others. */
const quickMs = 1;
const quickBytes = 8 * 1024;

const { clock } = createNodeRuntime();

/** A connection that reads one moment only. */
interface Pinned {
  readonly filePath: string;
  readonly connection: ReadConnection;
  readonly txId: number;
}

/** By the number that the node gave; it bounds how many there are. */
const snapshots = new Map<number, Pinned>();

/** Connections by file, the one used last at the end. */
const connections = new Map<string, ReadConnection>();

function release(filePath: string): void {
  connections.get(filePath)?.close();
  connections.delete(filePath);
  for (const [snapshot, pinned] of snapshots) {
    if (pinned.filePath === filePath) {
      unpin(snapshot);
    }
  }
}

function pin({ filePath, snapshot, maxValueBytes }: Extract<ReaderRequest, { kind: 'pin' }>): ReadAnswer {
  const connection = ReadConnection.open(filePath, { maxValueBytes });
  try {
    const { txId } = connection.pin();
    snapshots.set(snapshot, { filePath, connection, txId });
    return { results: [], appliedTxId: txId };
  } catch (error) {
    connection.close();
    throw error;
  }
}

function unpin(snapshot: number): void {
  snapshots.get(snapshot)?.connection.close();
  snapshots.delete(snapshot);
}

function connectionTo({ filePath, maxValueBytes }: ReaderQuery): ReadConnection {
  const connection = connections.get(filePath) ?? ReadConnection.open(filePath, { maxValueBytes });
  connections.delete(filePath);
  connections.set(filePath, connection);
  if (connections.size > maxConnections) {
    const [oldest] = connections.keys();
    if (oldest !== undefined) {
      release(oldest);
    }
  }
  return connection;
}

function sizeOf(result: StatementResult): number {
  let size = 0;
  for (const row of result.rows) {
    size += rowBytes;
    for (const value of row) {
      size += valueBytes + (typeof value === 'string' || value instanceof Uint8Array ? value.length : 0);
    }
  }
  return size;
}

/** All statements in one read transaction, so that they and the position tell of the same moment. */
function answer(query: ReaderQuery): ReadAnswer {
  if (query.snapshot !== undefined) {
    const { connection, txId } = pinned(query.snapshot);
    return { results: resultsOf(connection, query), appliedTxId: txId };
  }
  const connection = connectionTo(query);
  return connection.snapshot(() => ({
    results: resultsOf(connection, query),
    appliedTxId: connection.readPosition().txId,
  }));
}

function pinned(snapshot: number): Pinned {
  const found = snapshots.get(snapshot);
  if (found === undefined) {
    throw new QuorateError('TRANSACTION_CLOSED', 'the snapshot of this transaction is gone: its database was closed');
  }
  return found;
}

function resultsOf(
  connection: ReadConnection,
  { statements, bigint, describe, ...query }: ReaderQuery,
): StatementResult[] {
  const results: StatementResult[] = [];
  let { maxBytes } = query;
  for (const statement of statements) {
    const result = describe
      ? { ...connection.describe(statement.sql), rows: [], changes: 0, lastInsertRowid: 0n }
      : connection.query(statement, { bigint, maxBytes, maxRows: Math.ceil(maxBytes / rowBytes) });
    maxBytes -= statements.length > 1 ? sizeOf(result) : 0;
    results.push(result);
  }
  return results;
}

/** Runs queries until their answers are larger than a message should be. */
function answerAll(queries: readonly ReaderQuery[]): Extract<ReaderReply, { kind: 'done' }> {
  const startMs = clock.monotonicMs();
  const outcomes: QueryOutcome[] = [];
  let size = 0;
  for (const query of queries) {
    const outcome = outcomeOf(() => answer(query));
    outcomes.push(outcome);
    size += outcome.kind === 'answer' ? sizeOfAll(outcome.answer.results) : 0;
    if (size > maxAnswersBytes) {
      break;
    }
  }
  const elapsedMs = clock.monotonicMs() - startMs;
  const wasQuick = elapsedMs <= quickMs * queries.length && size <= quickBytes * queries.length;
  return { kind: 'done', outcomes, wasQuick };
}

function outcomeOf(run: () => ReadAnswer): QueryOutcome {
  try {
    return { kind: 'answer', answer: run() };
  } catch (error) {
    return { kind: 'error', error: asQuorateError(error).serialize() };
  }
}

function sizeOfAll(results: readonly StatementResult[]): number {
  let size = 0;
  for (const result of results) {
    size += sizeOf(result);
  }
  return size;
}

function reply(message: ReaderReply): void {
  process.send?.(message);
}

function handle(request: ReaderRequest): void {
  switch (request.kind) {
    case 'release':
      return release(request.filePath);
    case 'unpin':
      return unpin(request.snapshot);
    case 'queries':
      return reply(answerAll(request.queries));
    case 'pin': {
      const outcome = outcomeOf(() => pin(request));
      return reply({ kind: 'done', outcomes: [outcome], wasQuick: false });
    }
  }
}

/** Answers the node until it closes the channel or ends. */
export function serveReads(): void {
  process.on('message', (message) => handle(message as ReaderRequest));
  process.on('disconnect', () => process.exit());
  reply({ kind: 'ready' });
}
