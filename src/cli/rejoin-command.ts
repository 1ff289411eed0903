import process from 'node:process';
import type { Command } from 'commander';
import type { NodeClient } from '../client/interface.ts';
import { type ErrorCode, QuorateError } from '../errors/interface.ts';
import type { RejoinResponse, ReplicatorStatus } from '../proto/interface.ts';
import { clientOptions } from './client-options.ts';
import { type CommandContext, describe } from './command-context.ts';
import { stopSignal } from './stop-signal.ts';
import { progressText } from './storage-text.ts';

/** How often the progress of a snapshot is looked at, in milliseconds. */
const pollIntervalMs = 500;

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
        const txId = await new SnapshotWatch(context, client, name, json).untilStreaming();
        const text = () => `${name} follows again: it shows transaction ${txId}\n`;
        context.print(json, { database: name, state: 'streaming', txId }, text);
      }
    },
  );
}

function reportText(name: string, { commonTxId, transactions, file, snapshot }: RejoinResponse): string {
  const common = commonTxId === 0 ? '' : ` after transaction ${commonTxId}`;
  const saved = transactions === 0 ? '' : `${name}: ${transactions} transactions${common} are saved in ${file}\n`;
  const next = snapshot
    ? `${name}: a snapshot of the upstream takes the place of what is here`
    : `${name} follows again`;
  return `${saved}${next}${snapshot ? '' : ` from transaction ${commonTxId}`}\n`;
}

/** Shows how a replica receives its snapshot: a bar on a terminal, a line for each state elsewhere. */
class SnapshotWatch {
  readonly #context: CommandContext;
  readonly #client: NodeClient;
  readonly #database: string;
  readonly #isSilent: boolean;
  #shown = '';

  constructor(context: CommandContext, client: NodeClient, database: string, isSilent: boolean) {
    this.#context = context;
    this.#client = client;
    this.#database = database;
    this.#isSilent = isSilent;
  }

  /**
   * Returns what the replica shows when it follows again.
   * @throws QuorateError CANCELLED when a person does not wait for that; why it stopped, when a person must act
   */
  async untilStreaming(): Promise<number> {
    using stop = stopSignal();
    while (!stop.signal.aborted) {
      const { databases } = await this.#client.status(this.#database);
      const [status] = databases;
      if (status?.replicator !== undefined) {
        this.#show(status.replicator);
        refuseStopped(status.replicator);
        if (status.replicator.state === 'streaming') {
          this.#endLine();
          return status.appliedTxId;
        }
      }
      await this.#context.runtime.timers.sleep(pollIntervalMs, stop.signal).catch(() => {});
    }
    this.#endLine();
    throw new QuorateError('CANCELLED', 'the server goes on with the snapshot by itself', {
      hint: `See how far it is: quorate status ${this.#database} --watch`,
    });
  }

  #show({ state, snapshot, reason }: ReplicatorStatus): void {
    const isTerminal = process.stdout.isTTY;
    const progress = isTerminal && snapshot !== undefined ? `  ${progressText(snapshot)}` : '';
    const why = snapshot === undefined && reason !== '' ? `: ${reason}` : '';
    const text = `${this.#database} is ${state}${progress}${why}`;
    if (!this.#isSilent && text !== this.#shown) {
      this.#shown = text;
      this.#context.streams.out(isTerminal ? `${clearLine}${text}` : `${text}\n`);
    }
  }

  #endLine(): void {
    if (!this.#isSilent && process.stdout.isTTY) {
      this.#context.streams.out('\n');
    }
  }
}

/** What only a person can mend is not waited for. */
function refuseStopped({ state, lastError, reason }: ReplicatorStatus): void {
  if (state === 'diverged' || state === 'refused') {
    const code = (lastError?.code ?? 'DIVERGED') as ErrorCode;
    throw new QuorateError(code, lastError?.message ?? reason, { hint: lastError?.hint });
  }
}
