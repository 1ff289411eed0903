import type { Command } from 'commander';
import type { QueryResult } from '../client/interface.ts';
import { defineOptions } from '../config/interface.ts';
import type { AckLevel } from '../proto/interface.ts';
import { clientOptions } from './client-options.ts';
import { type CommandContext, collect, describe } from './command-context.ts';
import { parseParameters, sqlCell, sqlJson } from './sql-values.ts';
import { readStandardInput } from './standard-input.ts';
import { renderTable } from './text-table.ts';

const queryOptions = defineOptions('Query', {
  waitFor: {
    type: 'integer',
    default: 0,
    placeholder: 'TX',
    help: 'Wait until the node shows this transaction, to read on a replica what was just written on its primary.',
  },
  acks: {
    type: 'string',
    placeholder: 'LEVEL',
    help: 'Acknowledgements that this write waits for: async, quorum, sync:N or applied:N. Default: those of the database.',
  },
  key: {
    type: 'string',
    help: 'Idempotency key: a write that is sent again with it within 24 hours takes effect once.',
  },
  timeoutMs: { type: 'duration', help: "How long the query may run; never more than the server's own limit." },
});

const options = { ...queryOptions, ...clientOptions } as const;

export function addQueryCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('query <database> <sql>')
    .description(
      'Run SQL as one transaction. Reads work on every node, writes on the primary. "-" reads SQL from stdin.',
    )
    .option('--param <value>', 'value of the next ?, or :name=value; may be repeated', collect, []);
  describe(command, options, [
    'query defaultdb "SELECT name, total FROM orders LIMIT 5"',
    'query defaultdb "INSERT INTO orders (name, total) VALUES (?, ?)" --param Ada --param 9.5',
    'query defaultdb "SELECT * FROM orders WHERE id = :id" --param :id=7 --json',
    'query defaultdb - < schema.sql',
  ]).action(async (database: string, sql: string, flags: { param: string[] }) => {
    const { waitFor, timeoutMs, acks, key, json, ...connection } = context.parse(command, options).values;
    using client = context.connect(connection);
    const text = sql === '-' ? await readStandardInput() : sql;
    const statements = [{ sql: text, parameters: parseParameters(flags.param) }];
    const answer = await client.execute(database, statements, {
      waitForTxId: waitFor,
      timeoutMs,
      key,
      acks: acks === undefined ? undefined : parseAckLevel(acks),
    });
    const { results, txId, term } = answer;
    context.print(json, { results: results.map(resultJson), txId, term, acks: answer.acks }, () =>
      results.map(resultText).join('\n'),
    );
  });
}

/** Reads `sync:2`. The server checks the level itself. */
function parseAckLevel(text: string): AckLevel {
  const [level = '', acks = '0'] = text.split(':');
  return { level, acks: /^\d{1,3}$/.test(acks) ? Number(acks) : 0 };
}

function resultJson(result: QueryResult) {
  return { ...result, rows: result.rows.map((row) => row.map(sqlJson)) };
}

function resultText({ columns, rows, changes }: QueryResult): string {
  if (columns.length === 0) {
    return changes === 0n ? 'ok\n' : `${changes} ${changes === 1n ? 'row' : 'rows'} changed\n`;
  }
  return renderTable(
    columns,
    rows.map((row) => row.map(sqlCell)),
  );
}
