import type { SharedPositions } from '../database/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import type { Clock } from '../runtime/interface.ts';

export interface PositionWaitOptions {
  readonly name: string;
  readonly txId: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly clock: Clock;
}

/** Resolves when the transaction is shown; the writer thread wakes us through shared memory. @throws WAIT_TIMEOUT, CANCELLED */
export async function waitForPosition(positions: SharedPositions, options: PositionWaitOptions): Promise<void> {
  const { txId, timeoutMs, signal, clock } = options;
  if (positions.get('applied') >= txId) {
    return;
  }
  const cancelled = Promise.withResolvers<never>();
  const cancel = () =>
    cancelled.reject(new QuorateError('CANCELLED', 'the wait was cancelled', { cause: signal?.reason }));
  if (signal?.aborted) {
    cancel();
  } else {
    signal?.addEventListener('abort', cancel, { once: true });
  }
  try {
    const reached = positions.waitForApplied(txId, timeoutMs, () => clock.monotonicMs());
    if (!(await Promise.race([reached, cancelled.promise]))) {
      throw waitTimeout(positions, options);
    }
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}

function waitTimeout(positions: SharedPositions, { name, txId, timeoutMs }: PositionWaitOptions): QuorateError {
  const appliedTxId = positions.get('applied');
  const message = `transaction ${txId} of ${name} did not arrive within ${timeoutMs} ms; ${appliedTxId} is shown`;
  return new QuorateError('WAIT_TIMEOUT', message, {
    hint: 'The replica lags, or the token belongs to another database. See status().',
    details: { txId, appliedTxId, timeoutMs },
  });
}
