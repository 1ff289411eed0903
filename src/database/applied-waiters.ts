import { QuorateError } from '../errors/interface.ts';
import type { Timers } from '../runtime/interface.ts';
import type { SharedPositions } from './shared-positions.ts';

interface Waiter {
  readonly txId: number;
  readonly wake: () => void;
}

/** Those who wait until this node shows a transaction. */
export class AppliedWaiters {
  readonly #positions: SharedPositions;
  readonly #timers: Timers;
  readonly #waiters = new Set<Waiter>();

  constructor(positions: SharedPositions, timers: Timers) {
    this.#positions = positions;
    this.#timers = timers;
  }

  /** Resolves when this node shows the transaction. @throws QuorateError WAIT_TIMEOUT, CANCELLED */
  async wait(txId: number, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#positions.get('applied') >= txId) {
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { txId, wake: resolve };
    const timer = this.#timers.after(timeoutMs, () => reject(this.#timeout(txId, timeoutMs)));
    const cancel = () => reject(new QuorateError('CANCELLED', 'the wait was cancelled', { cause: signal?.reason }));
    signal?.addEventListener('abort', cancel, { once: true });
    this.#waiters.add(waiter);
    try {
      await promise;
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', cancel);
      this.#waiters.delete(waiter);
    }
  }

  /** To be called when the applied position moved. */
  moved(): void {
    const applied = this.#positions.get('applied');
    for (const waiter of this.#waiters) {
      if (waiter.txId <= applied) {
        waiter.wake();
      }
    }
  }

  #timeout(txId: number, timeoutMs: number): QuorateError {
    const applied = this.#positions.get('applied');
    return new QuorateError(
      'WAIT_TIMEOUT',
      `transaction ${txId} did not arrive within ${timeoutMs} ms; ${applied} is shown`,
      {
        hint: 'The replica lags, or the position belongs to another database. See its status.',
        details: { txId, appliedTxId: applied, timeoutMs },
      },
    );
  }
}
