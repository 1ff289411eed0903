import process from 'node:process';
import { asQuorateError } from '../../errors/interface.ts';
import { ReadConnection, type StatementResult } from '../../sqlite/interface.ts';
import type { ReadAnswer, ReaderReply, ReaderRequest } from './reader-messages.ts';

/** Open files of one reader process; the one used longest ago is closed for another. */
const maxConnections = 32;

/** Bytes that a value takes beside its text or blob. */
const valueBytes = 16;

/** Bytes that a row takes in memory at least, whatever its values are; it bounds the rows of a result. */
const rowBytes = 64;

type Query = Extract<ReaderRequest, { kind: 'query' }>;

/** Connections by file, the one used last at the end. */
const connections = new Map<string, ReadConnection>();

function release(filePath: string): void {
  connections.get(filePath)?.close();
  connections.delete(filePath);
}

function connectionTo({ filePath, maxValueBytes }: Query): ReadConnection {
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
function answer(query: Query): ReadAnswer {
  const { bigint } = query;
  const connection = connectionTo(query);
  return connection.snapshot(() => {
    const results: StatementResult[] = [];
    let maxBytes = query.maxBytes;
    for (const statement of query.statements) {
      const result = connection.query(statement, { bigint, maxBytes, maxRows: Math.ceil(maxBytes / rowBytes) });
      maxBytes -= query.statements.length > 1 ? sizeOf(result) : 0;
      results.push(result);
    }
    return { results, appliedTxId: connection.readPosition().txId };
  });
}

function reply(message: ReaderReply): void {
  process.send?.(message);
}

function handle(request: ReaderRequest): void {
  if (request.kind === 'release') {
    release(request.filePath);
    return;
  }
  try {
    reply({ kind: 'answer', answer: answer(request) });
  } catch (error) {
    reply({ kind: 'error', error: asQuorateError(error).serialize() });
  }
}

/** Answers the node until it closes the channel or ends. */
export function serveReads(): void {
  process.on('message', (message) => handle(message as ReaderRequest));
  process.on('disconnect', () => process.exit());
  reply({ kind: 'ready' });
}
