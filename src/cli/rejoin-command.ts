import process from 'node:process';
import type { Command } from 'commander';
import type { NodeClient } from '../client/interface.ts';
import type { RejoinResponse, ReplicatorStatus } from '../proto/interface.ts';
import { clientOptions } from './client-options.ts';
import { type CommandContext, describe } from './command-context.ts';
import { progressText } from './storage-text.ts';
import { untilStreaming } from './until-streaming.ts';

/** To the start of the line, which is cleared: ECMA-48 EL. */
const clearLine = '\r\u001b[K';

export function addRejoinCommand(group: Command, context: CommandContext): void {
  const command = group
    .command('rejoin <database>')
    .description(
      'Let a replica that has diverged follow again: what only it has is saved to a file on its server and taken back, or a snapshot takes its place.',
    )
    .option('--snapshot', 'copy it again from its upstream in any case, also when it has not diverged');
  describe(command, clientOptions, ['database rejoin shop', 'database rejoin shop --snapshot']).action(
    async (name: string, flags: { readonly snapshot?: true }) => {
      const { json, ...connection } = context.parse(command, clientOptions).values;
      using client = context.connect(connection);
      const report = await client.verification.rejoin(name, flags.snapshot === true);
      context.print(json, { database: name, ...report }, () => reportText(name, report));
      if (report.snapshot) {
        await watchSnapshot(context, client, name, json);
      }
    },
  );
}

function reportText(name: string, report: RejoinResponse): string {
  const { commonTxId, snapshot } = report;
  const next = snapshot
    ? 'a new copy from the upstream takes its place'
    : `follows again from transaction ${commonTxId}`;
  return `${savedText(name, report)}${name}: ${next}\n`;
}

function savedText(name: string, { commonTxId, transactions, file }: RejoinResponse): string {
  if (file === '') {
    return '';
  }
  const common = commonTxId === 0 ? '' : ` after transaction ${commonTxId}`;
  const what = transactions === 0 ? 'what was here is' : `${transactions} transactions${common} are`;
  return `${name}: ${what} saved in ${file}\n`;
}

/** Shows how a replica receives its snapshot: a bar on a terminal, a line for each state elsewhere. */
class ProgressLine implements Disposable {
  readonly #streams: CommandContext['streams'];
  readonly #database: string;
  #shown = '';

  constructor(streams: CommandContext['streams'], database: string) {
    this.#streams = streams;
    this.#database = database;
  }

  show({ state, snapshot, reason }: ReplicatorStatus): void {
    const isTerminal = process.stdout.isTTY;
    const progress = isTerminal && snapshot !== undefined ? `  ${progressText(snapshot)}` : '';
    const why = snapshot === undefined && reason !== '' ? `: ${reason}` : '';
    const text = `${this.#database} is ${state}${progress}${why}`;
    if (text !== this.#shown) {
      this.#shown = text;
      this.#streams.out(isTerminal ? `${clearLine}${text}` : `${text}\n`);
    }
  }

  [Symbol.dispose](): void {
    if (process.stdout.isTTY && this.#shown !== '') {
      this.#streams.out('\n');
    }
  }
}

async function watchSnapshot(context: CommandContext, client: NodeClient, name: string, json: boolean): Promise<void> {
  const txId = await shownProgress(context, client, name, json);
  const text = () => `${name} follows again: it shows transaction ${txId}\n`;
  context.print(json, { database: name, state: 'streaming', txId }, text);
}

async function shownProgress(
  context: CommandContext,
  client: NodeClient,
  database: string,
  isSilent: boolean,
): Promise<number> {
  using line = new ProgressLine(context.streams, database);
  const onStatus = (replicator: ReplicatorStatus) => isSilent || line.show(replicator);
  return await untilStreaming({ context, client, database, onStatus });
}
