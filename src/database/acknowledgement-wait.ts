import type { Clock } from '../runtime/interface.ts';
import type { WriterPort } from './writer-messages.ts';
import type { WriterOutbox } from './writer-outbox.ts';

/** How long a writer's thread stands still for the acknowledgements of one group at most, in milliseconds. */
const maxBlockedMs = 2;

/**
 * Takes what the node says while a group waits for replicas. Nothing else can run meanwhile, and a thread is woken out of
 * a wait in less time than out of its event loop. Replicas that take long are waited for there: here, once for each group.
 */
export class AcknowledgementWait {
  readonly #clock: Clock;
  readonly #host: WriterPort;
  readonly #outbox: WriterOutbox;
  #lastTxId: number | undefined;

  constructor(clock: Clock, host: WriterPort, outbox: WriterOutbox) {
    this.#clock = clock;
    this.#host = host;
    this.#outbox = outbox;
  }

  /** Blocks the thread until the group may commit, for a moment at most. */
  step(): void {
    const txId = this.#outbox.heldTxId;
    if (txId === undefined || txId === this.#lastTxId) {
      return;
    }
    this.#lastTxId = txId;
    const endMs = this.#clock.monotonicMs() + maxBlockedMs;
    let restMs = maxBlockedMs;
    while (restMs > 0 && this.#outbox.heldTxId === txId && this.#host.receive?.(restMs)) {
      restMs = endMs - this.#clock.monotonicMs();
    }
  }
}
