import type { NodeClient } from '../client/interface.ts';
import { type ErrorCode, QuorateError } from '../errors/interface.ts';
import type { ReplicatorStatus } from '../proto/interface.ts';
import type { CommandContext } from './command-context.ts';
import { stopSignal } from './stop-signal.ts';

/** How often the replica is looked at, in milliseconds. */
const pollIntervalMs = 500;

export interface StreamingWait {
  readonly context: CommandContext;
  readonly client: NodeClient;
  readonly database: string;
  /** Called with what is found, each time. */
  readonly onStatus?: (replicator: ReplicatorStatus) => void;
}

/**
 * Waits until a replica follows again; returns the last transaction that it shows then.
 * @throws QuorateError CANCELLED when a person does not wait for that; why it stopped, when a person must act
 */
export async function untilStreaming({ context, client, database, onStatus }: StreamingWait): Promise<number> {
  using stop = stopSignal();
  while (!stop.signal.aborted) {
    const { databases } = await client.status(database);
    const [status] = databases;
    if (status?.replicator !== undefined) {
      onStatus?.(status.replicator);
      refuseStopped(status.replicator);
      if (status.replicator.state === 'streaming') {
        return status.appliedTxId;
      }
    }
    await context.runtime.timers.sleep(pollIntervalMs, stop.signal).catch(() => {});
  }
  throw new QuorateError('CANCELLED', 'the server goes on by itself', {
    hint: `See how far it is: quorate status ${database} --watch`,
  });
}

/** What only a person can mend is not waited for. */
function refuseStopped({ state, lastError, reason }: ReplicatorStatus): void {
  if (state === 'diverged' || state === 'refused') {
    const code = (lastError?.code ?? 'DIVERGED') as ErrorCode;
    throw new QuorateError(code, lastError?.message ?? reason, { hint: lastError?.hint });
  }
}
