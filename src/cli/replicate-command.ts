import type { Command } from 'commander';
import { ReplicationPump, type ReplicationPumpState } from '../client/interface.ts';
import { defineOptions, replicationLimitOptions } from '../config/interface.ts';
import { outputOptions, securityOptions } from './client-options.ts';
import { type CommandContext, describe } from './command-context.ts';
import { parseDatabaseAddress } from './database-address.ts';
import { lineBarWidth, ProgressLine } from './progress-line.ts';
import { stopSignal } from './stop-signal.ts';
import { progressText } from './storage-text.ts';

const credentialOptions = defineOptions('Credentials', {
  fromUsername: { type: 'string', default: 'admin', help: 'User on the server of --from.' },
  fromPassword: {
    type: 'string',
    secret: true,
    help: 'Its password; without it, the token that "quorate login" has kept.',
  },
  toUsername: { type: 'string', default: 'admin', help: 'User on the server of --to.' },
  toPassword: {
    type: 'string',
    secret: true,
    help: 'Its password; without it, the token that "quorate login" has kept.',
  },
});

const { backoffInitialMs, backoffMaxMs } = replicationLimitOptions;
const options = { ...credentialOptions, ...securityOptions, backoffInitialMs, backoffMaxMs, ...outputOptions } as const;

/** Milliseconds between two reports of progress. */
const progressIntervalMs = 1_000;

export function addReplicateCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('replicate')
    .description('Feed a replica that runs no replicator of its own, until stopped: the external replicator.')
    .requiredOption('--from <host:port/database>', 'database to read from')
    .requiredOption('--to <host:port/database>', 'replica with replication disabled');
  describe(command, options, [
    'replicate --from 10.0.0.5:3322/shop --to 127.0.0.1:3322/shop --from-password-file a.txt --to-password-file b.txt',
  ]).action(async (flags: { from: string; to: string }) => {
    const { values } = context.parse(command, options);
    const from = parseDatabaseAddress('--from', flags.from);
    const to = parseDatabaseAddress('--to', flags.to);
    const pump = new ReplicationPump({
      from: {
        database: from.database,
        connect: () => context.connectAs(from, values, values.fromUsername, values.fromPassword),
      },
      to: { database: to.database, connect: () => context.connectAs(to, values, values.toUsername, values.toPassword) },
      runtime: context.runtime,
      backoffInitialMs: values.backoffInitialMs,
      backoffMaxMs: values.backoffMaxMs,
      onState: reporter(context, values.json),
    });
    using stop = stopSignal();
    await pump.run(stop.signal);
  });
}

/** Prints what changes, and what only goes on at most once a second; on a terminal the copying of a snapshot is one line. */
function reporter(context: CommandContext, json: boolean): (state: ReplicationPumpState) => void {
  const { clock } = context.runtime;
  const line = new ProgressLine(context.streams, clock);
  let printedAtMs = Number.NEGATIVE_INFINITY;
  return (state) => {
    if (state.kind === 'copying' && !json) {
      return line.show(state.kind, stateText(state));
    }
    if (goesOn(state)) {
      const nowMs = clock.monotonicMs();
      if (nowMs - printedAtMs < progressIntervalMs) {
        return;
      }
      printedAtMs = nowMs;
    }
    line.end();
    context.print(json, stateJson(state), () => `${stateText(state)}\n`);
  };
}

/** Whether more of the same will follow soon. */
function goesOn(state: ReplicationPumpState): boolean {
  return state.kind === 'copying' || (state.kind === 'progress' && state.appliedTxId < state.upstreamTipTxId);
}

function stateJson(state: ReplicationPumpState): Record<string, unknown> {
  const { kind, ...rest } = state;
  return { event: kind, ...rest, ...(state.kind === 'backing-off' && { error: state.error.serialize() }) };
}

function stateText(state: ReplicationPumpState): string {
  switch (state.kind) {
    case 'connecting':
    case 'streaming':
      return state.kind;
    case 'copying':
      return `copying ${progressText(state, lineBarWidth)}`;
    case 'installing':
      return 'the replica installs the snapshot';
    case 'progress':
      return `the replica shows transaction ${state.appliedTxId} of ${state.upstreamTipTxId}`;
    case 'backing-off':
      return `${state.error.message} (${state.error.code}); next attempt in ${state.delayMs} ms`;
  }
}
