import type { AckState } from './acks.ts';
import type { AckStatus } from './types.ts';

/** Carries what replicas acknowledge to the writer, and what that means back. */
export class AckRelay {
  readonly #report: (state: AckState) => void;
  #state: AckState = { durable: [], applied: [] };
  #isWanted = false;
  #status: AckStatus = 'reached';
  #degradations = 0;

  /** @param report tells the writer; a report that is lost changes nothing, since the next one says all of it again */
  constructor(report: (state: AckState) => void) {
    this.#report = report;
  }

  /** Acknowledgements go to the writer only when something there has ever waited for them. */
  acknowledge(state: AckState): void {
    this.#state = state;
    if (this.#isWanted) {
      this.#report(state);
    }
  }

  wanted(): void {
    this.#isWanted = true;
    this.#report(this.#state);
  }

  changed(status: AckStatus): void {
    this.#status = status;
    this.#degradations += status === 'degraded' ? 1 : 0;
  }

  get report(): { status: AckStatus; degradations: number } {
    return { status: this.#status, degradations: this.#degradations };
  }
}
