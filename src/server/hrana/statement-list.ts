import { QuorateError } from '../../errors/interface.ts';
import type { SqlValue, StatementResult } from '../../sqlite/interface.ts';
import type { DatabaseAccess } from './database-access.ts';
import type { HranaContext } from './hrana-context.ts';
import { checkCount, listOf, objectOf, textOf } from './json-fields.ts';
import { bound } from './sql-texts.ts';
import { decodeBlob, ResponseBudget } from './values.ts';
import type { NamedValue, WireStatement } from './wire-types.ts';

/**
 * `POST /` as it was before Hrana: `{"statements": ["SELECT 1", {"q": "SELECT ?", "params": [1]}]}`, all in one transaction.
 * @returns the body of the answer
 * @throws QuorateError; nothing was done then
 */
export async function runStatements(context: HranaContext, access: DatabaseAccess, body: unknown): Promise<string> {
  const list = listOf(objectOf(body, 'the body').statements, 'statements');
  const { hranaMaxBatchSteps, hranaMaxResponseBytes } = context.limits;
  checkCount(list, hranaMaxBatchSteps, 'the statements of a list', 'hrana-max-batch-steps');
  const ready = list.map((entry) => {
    const statement = statementOf(entry);
    const text = context.texts.one('sql' in statement.sql ? statement.sql.sql : '');
    if (text.command !== undefined) {
      throw new QuorateError('UNSUPPORTED_STATEMENT', 'the statements are one transaction already', {
        hint: 'Leave BEGIN, COMMIT and ROLLBACK out.',
      });
    }
    return { text, statement: bound(text, statement) };
  });
  const onlyReads = ready.every(({ text }) => text.kind === 'read');
  const statements = ready.map(({ statement }) => statement);
  const { results } = await (onlyReads ? access.read(statements) : access.transact(statements));
  const budget = new ResponseBudget(hranaMaxResponseBytes);
  return `[${results.map((result) => encodePlain(result, budget)).join(',')}]`;
}

function statementOf(entry: unknown): WireStatement {
  const plain = { values: [], namedValues: [], wantRows: true, waitForTxId: 0 };
  if (typeof entry === 'string') {
    return { ...plain, sql: { sql: entry } };
  }
  const { q, params } = objectOf(entry, 'a statement');
  const sql = { sql: textOf(q, 'q') };
  if (Array.isArray(params)) {
    return { ...plain, sql, values: params.map(plainValue) };
  }
  const named = params === undefined || params === null ? {} : objectOf(params, 'params');
  return { ...plain, sql, namedValues: Object.entries(named).map(namedValue) };
}

function namedValue([name, value]: [string, unknown]): NamedValue {
  return { name, value: plainValue(value) };
}

function plainValue(value: unknown): SqlValue {
  if (value === null || typeof value === 'string') {
    return value;
  }
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) ? BigInt(value) : value;
  }
  if (typeof value === 'boolean') {
    return value ? 1n : 0n;
  }
  return decodeBlob(objectOf(value, 'a parameter'));
}

function encodePlain({ columns, rows, changes }: StatementResult, budget: ResponseBudget): string {
  const encoded = rows.map((row) => {
    const text = `[${row.map(plainJson).join(',')}]`;
    budget.take(text.length);
    return text;
  });
  const counts = `"rows_read":${rows.length},"rows_written":${changes}`;
  return `{"results":{"columns":${JSON.stringify(columns)},"rows":[${encoded.join(',')}],${counts}}}`;
}

function plainJson(value: SqlValue): string {
  if (typeof value === 'bigint') {
    return String(value);
  }
  return JSON.stringify(value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value);
}
