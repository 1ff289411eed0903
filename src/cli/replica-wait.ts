import type { NodeClient } from '../client/interface.ts';
import { type ErrorCode, QuorateError } from '../errors/interface.ts';
import type { DatabaseStatus, ReplicatorStatus } from '../proto/interface.ts';
import type { CommandContext } from './command-context.ts';
import { lineBarWidth, ProgressLine } from './progress-line.ts';
import { stopSignal } from './stop-signal.ts';
import { progressText } from './storage-text.ts';

/** Milliseconds between two looks at the replica. */
const intervalMs = 250;

/** States that only a person ends. */
const stuck: ReadonlySet<string> = new Set(['refused', 'diverged', 'stopped']);

/**
 * Shows how a new replica gets its content, until it streams or somebody has seen enough: the replica goes on without.
 * @throws QuorateError why it cannot go on
 */
export async function waitForReplica(context: CommandContext, client: NodeClient, name: string): Promise<void> {
  const { runtime, streams } = context;
  using stop = stopSignal();
  using line = new ProgressLine(streams, runtime.clock);
  while (!stop.signal.aborted) {
    const { replicator } = await statusOf(client, name);
    if (replicator === undefined || replicator.state === 'streaming') {
      return;
    }
    line.show(keyOf(replicator), replicaProgress(name, replicator));
    if (stuck.has(replicator.state)) {
      line.end();
      throw reasonOf(name, replicator);
    }
    await runtime.timers.sleep(intervalMs, stop.signal).catch(() => {});
  }
}

async function statusOf(client: NodeClient, name: string): Promise<DatabaseStatus> {
  const { databases } = await client.status(name);
  const [status] = databases;
  if (status === undefined) {
    throw new QuorateError('DATABASE_NOT_FOUND', `there is no database ${name} any more`);
  }
  return status;
}

function keyOf({ state, snapshot }: ReplicatorStatus): string {
  return snapshot === undefined ? state : `${state} a snapshot`;
}

function replicaProgress(name: string, { state, reason, snapshot }: ReplicatorStatus): string {
  if (snapshot !== undefined) {
    return `${name}: ${state} ${progressText(snapshot, lineBarWidth)}`;
  }
  if (state === 'copying') {
    return `${name}: the upstream makes a snapshot`;
  }
  return `${name}: ${state}${reason === '' ? '' : `: ${reason}`}`;
}

function reasonOf(name: string, { state, lastError }: ReplicatorStatus): QuorateError {
  const code = (lastError?.code ?? 'UNAVAILABLE') as ErrorCode;
  return new QuorateError(code, `the replica ${name} was created and is ${state}: ${lastError?.message ?? ''}`, {
    hint: lastError?.hint === '' ? undefined : lastError?.hint,
  });
}
