import type { Runtime } from '../runtime/interface.ts';
import type { Statement } from '../sqlite/interface.ts';
import type { StoreSize } from './store-data.ts';
import { newOrder } from './store-orders.ts';

/** Wait before the next order after one that failed. */
const retryMs = 1_000;

export interface OrderStreamOptions {
  readonly seed: number;
  readonly size: StoreSize;
  readonly ordersPerSecond: number;
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>;
  /** Runs the statements as one transaction. */
  readonly execute: (statements: readonly Statement[]) => Promise<unknown>;
  /** Told when an order fails after one that did not: the stream goes on, and does not complain every time. */
  readonly onTrouble: (error: unknown) => void;
}

/** Places orders at a steady pace until the signal aborts. After a pause it does not hurry to make up for it. */
export async function runOrderStream(options: OrderStreamOptions, signal: AbortSignal): Promise<void> {
  const { clock, timers } = options.runtime;
  const paceMs = 1000 / options.ordersPerSecond;
  let inTrouble = false;
  for (let number = 0; !signal.aborted; ) {
    const startMs = clock.monotonicMs();
    try {
      await options.execute(newOrder(options.seed, options.size, number, clock.nowMs()));
      number += 1;
      inTrouble = false;
    } catch (error) {
      if (!inTrouble && !signal.aborted) {
        options.onTrouble(error);
      }
      inTrouble = true;
    }
    const delayMs = inTrouble ? retryMs : Math.max(0, startMs + paceMs - clock.monotonicMs());
    await timers.sleep(delayMs, signal).catch(() => {});
  }
}
