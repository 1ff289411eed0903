import type { Command } from 'commander';
import { defineOptions } from '../config/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import type { DatabaseStatus, StatusResponse } from '../proto/interface.ts';
import { statusJson } from '../server/interface.ts';
import { clientOptions } from './client-options.ts';
import { type CommandContext, describe } from './command-context.ts';
import { detailText } from './detail-text.ts';
import { statusText } from './status-text.ts';
import { stopSignal } from './stop-signal.ts';
import { storageText } from './storage-text.ts';

const statusOptions = {
  ...clientOptions,
  ...defineOptions('Watching', {
    watch: {
      type: 'boolean',
      default: false,
      help: 'Show it again and again, with the progress of snapshots, until every replica streams.',
    },
  }),
} as const;

const watchIntervalMs = 500;

/** Cursor to the upper left, and everything after it cleared: ECMA-48 CUP and ED. */
const clearScreen = '\u001b[H\u001b[J';

export function addStatusCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('status [database]')
    .description('Show a server and its databases: roles, positions, lag, who follows whom, and what is wrong.');
  const examples = ['status', 'status defaultdb --json', 'status defaultdb --watch', 'status --host 10.0.0.5'];
  describe(command, statusOptions, examples).action(async (database = '') => {
    const { json, watch, ...connection } = context.parse(command, statusOptions).values;
    using client = context.connect(connection);
    const print = (status: StatusResponse) => context.print(json, statusJson(status), () => textOf(status, database));
    if (!watch) {
      const status = await client.status(database);
      print(status);
      return refuseDivergence(status.databases);
    }
    await watchStatus(context, () => client.status(database), print);
  });
}

function textOf(status: StatusResponse, database: string): string {
  const [one] = status.databases;
  return `${statusText(status)}${database === '' || one === undefined ? '' : `\n${detailText(one)}${storageText(one)}`}`;
}

/** Shows the status again and again, until every replica in it streams or a person has seen enough. */
async function watchStatus(
  { runtime, streams }: CommandContext,
  ask: () => Promise<StatusResponse>,
  print: (status: StatusResponse) => void,
): Promise<void> {
  using stop = stopSignal();
  while (!stop.signal.aborted) {
    const status = await ask();
    streams.out(streams.terminal === undefined ? '' : clearScreen);
    print(status);
    if (status.databases.every(({ replicator }) => replicator === undefined || replicator.state === 'streaming')) {
      return;
    }
    await runtime.timers.sleep(watchIntervalMs, stop.signal).catch(() => {});
  }
}

/** A script learns from the exit code that a replica does not hold what its upstream does. */
function refuseDivergence(databases: readonly DatabaseStatus[]): void {
  const diverged = databases.filter(
    ({ lastError, replicator }) => lastError?.code === 'DIVERGED' || replicator?.state === 'diverged',
  );
  if (diverged.length > 0) {
    const names = diverged.map(({ database }) => database).join(', ');
    throw new QuorateError('DIVERGED', `diverged: ${names}`, { hint: 'docs/divergence.md tells what to do.' });
  }
}

export function addDigestCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('digest <database>')
    .description('Print a SHA-256 of the content of a database: equal on all nodes that show the same transaction.');
  describe(command, clientOptions, ['digest defaultdb']).action(async (database: string) => {
    const { json, ...connection } = context.parse(command, clientOptions).values;
    using client = context.connect(connection);
    const { txId, digest } = await client.digest(database);
    const hex = digest.toString('hex');
    context.print(json, { database, txId, digest: hex }, () => `${hex}  ${database} at transaction ${txId}\n`);
  });
}

const outcomeOptions = {
  ...defineOptions('Transaction', {
    term: { type: 'integer', default: 0, min: 0, help: 'Term that the error or the answer named; 0 when unknown.' },
  }),
  ...clientOptions,
} as const;

export function addOutcomeCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('outcome <database> <tx>')
    .description('Tell what became of a transaction after COMMIT_IN_DOUBT: committed, waiting or absent.');
  describe(command, outcomeOptions, ['outcome defaultdb 1204']).action(async (database: string, tx: string) => {
    const { json, term, ...connection } = context.parse(command, outcomeOptions).values;
    using client = context.connect(connection);
    const txId = parseTxId(tx);
    const outcome = await client.outcome(database, txId, term);
    context.print(json, { database, txId, outcome }, () => `transaction ${txId} of ${database} is ${outcome}\n`);
  });
}

function parseTxId(text: string): number {
  if (!/^[1-9]\d{0,15}$/.test(text)) {
    throw new QuorateError('INVALID_ARGUMENT', `${JSON.stringify(text)} is no transaction`, {
      hint: 'Give the number that the error named (txId).',
    });
  }
  return Number(text);
}
