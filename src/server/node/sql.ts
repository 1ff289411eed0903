import type { AckLevel, Database, Position } from '../../database/interface.ts';
import { isQuorateError, QuorateError } from '../../errors/interface.ts';
import { type Statement, type StatementResult, splitStatements } from '../../sqlite/interface.ts';
import { type Node, refuseSystemDatabase } from './node.ts';
import { writerOf } from './writers.ts';

/** Statements in one request, after texts with several were split. */
const maxStatements = 10_000;

/** Words that a statement which only reads may begin with; a reader process makes sure that it does. */
const readKeyword = /^(SELECT|VALUES|WITH|EXPLAIN|PRAGMA)\b/i;

export interface SqlRequest {
  readonly database: string;
  /** Run as one transaction; a text may hold several statements when it has no parameters. */
  readonly statements: readonly Statement[];
  /** Wait until this node shows at least this transaction; 0 for none. */
  readonly waitForTxId: number;
  /** Milliseconds; 0 for the node's limit, which it cannot pass. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Called before anything but reads; throws when the caller may only read. */
  readonly requireWrite: () => void;
  /** Who asks. */
  readonly user: string;
  /** Level of this transaction; that of the database when absent. */
  readonly acks?: AckLevel | undefined;
  /** Idempotency key of a write. */
  readonly key?: string | undefined;
}

export interface SqlAnswer {
  /** Integers are bigint. */
  readonly results: readonly StatementResult[];
  /** Of the transaction, or of what the reads saw. */
  readonly position: Position;
  /** Replicas that held a written transaction durably when it was answered. */
  readonly acks: number;
}

/**
 * Runs statements as one transaction: in a reader process when all of them only read, on any role; else on the writer
 * of a primary.
 * @throws QuorateError SQL_ERROR, PERMISSION_DENIED, READ_ONLY_REPLICA, QUERY_TIMEOUT, WAIT_TIMEOUT, CONSTRAINT_VIOLATION …
 */
export async function executeSql(node: Node, request: SqlRequest): Promise<SqlAnswer> {
  refuseSystemDatabase(request.database);
  const database = node.databases.require(request.database);
  const statements = splitAll(request.statements);
  const timeoutMs = Math.min(request.timeoutMs || Infinity, node.options.databaseLimits.queryTimeoutMs);
  if (request.waitForTxId > 0) {
    await database.waitFor(request.waitForTxId, timeoutMs, request.signal);
  }
  if (statements.every(({ sql }) => readKeyword.test(sql))) {
    const answer = await read(node, database, statements, { ...request, timeoutMs });
    if (answer !== undefined) {
      return answer;
    }
  }
  request.requireWrite();
  return await write(node, database, statements, request);
}

function splitAll(statements: readonly Statement[]): Statement[] {
  const split = statements.flatMap((statement) => {
    const texts = splitStatements(statement.sql);
    if (texts.length > 1 && statement.parameters !== undefined) {
      throw new QuorateError('INVALID_ARGUMENT', 'parameters were given for a text of several statements', {
        hint: 'Send each statement with its own parameters.',
      });
    }
    return texts.map((sql) => (texts.length === 1 ? { ...statement, sql } : { sql }));
  });
  if (split.length === 0) {
    throw new QuorateError('INVALID_ARGUMENT', 'there is no SQL statement in the request');
  }
  if (split.length > maxStatements) {
    throw new QuorateError('MESSAGE_TOO_LARGE', `the request has more than ${maxStatements} statements`, {
      hint: 'Send them in several requests.',
    });
  }
  return split;
}

/** undefined when a statement that looked like a read is none, such as WITH … INSERT. */
async function read(
  node: Node,
  database: Database,
  statements: readonly Statement[],
  { timeoutMs, signal }: SqlRequest,
): Promise<SqlAnswer | undefined> {
  const { maxResultBytes, maxValueBytes } = node.options.databaseLimits;
  const options = { bigint: true, timeoutMs, maxBytes: maxResultBytes, maxValueBytes, signal };
  try {
    const { results, appliedTxId } = await node.readers.query(database.filePath, statements, options);
    return { results, position: { txId: appliedTxId, term: database.positions().term }, acks: 0 };
  } catch (error) {
    if (isQuorateError(error) && error.code === 'READ_ONLY_QUERY') {
      return undefined;
    }
    throw error;
  }
}

async function write(
  node: Node,
  database: Database,
  statements: readonly Statement[],
  { acks, key, user }: SqlRequest,
): Promise<SqlAnswer> {
  return await writerOf(node, database, user).transact(statements, { bigint: true, acks, key });
}
