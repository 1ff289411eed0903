import { QuorateError } from '../errors/interface.ts';
import type { Clock } from '../runtime/interface.ts';
import type { SharedPositions } from './shared-positions.ts';

/**
 * Until when a primary may act, in memory that threads share: renewing it costs no message to the writer, and a process
 * that was stopped meanwhile sees at its first look that its time is over.
 */
export class Lease {
  readonly #positions: SharedPositions;
  readonly #clock: Clock;

  constructor(positions: SharedPositions, clock: Clock) {
    this.#positions = positions;
    this.#clock = clock;
  }

  /** `untilMs`: by the monotonic clock; undefined when nothing limits the primary. */
  set(untilMs: number | undefined): void {
    // A fraction is cut off: rather too early than too late. The smallest value stands for a moment long gone.
    this.#positions.set('leaseUntilMs', untilMs === undefined ? 0 : Math.max(1, Math.floor(untilMs)));
  }

  get isValid(): boolean {
    const untilMs = this.#positions.get('leaseUntilMs');
    return untilMs === 0 || this.#clock.monotonicMs() < untilMs;
  }

  /** @throws QuorateError LEASE_LOST; to be called before anything is done */
  check(): void {
    if (!this.isValid) {
      throw leaseLost();
    }
  }
}

export function leaseLost(): QuorateError {
  return new QuorateError('LEASE_LOST', 'the lease of this primary has ended; nothing of the request was done', {
    hint: 'Another node may be primary now. Send the write there, or again in a moment.',
  });
}
