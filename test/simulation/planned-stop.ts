import type { FileCall, StopMoment } from './life-files.ts';
import type { Crash } from './simulated-machine.ts';

/** At which of its changes to files a writer will stop for ever. */
export interface PlannedStop {
  /** How many calls still pass. */
  readonly callsBefore: number;
  /** Which calls count; all if undefined. */
  readonly call?: FileCall | undefined;
  readonly moment: StopMoment;
  /** How the node ends soon after. */
  readonly crash: Crash;
}

/** Counts the calls of a writer down to its stop. */
export class StopCountdown {
  readonly #stop: PlannedStop;
  #callsLeft: number;

  constructor(stop: PlannedStop) {
    this.#stop = stop;
    this.#callsLeft = stop.callsBefore;
  }

  get crash(): Crash {
    return this.#stop.crash;
  }

  /** To be called with every call; returns the moment at which it stops, if it does. */
  reach(call: FileCall): StopMoment | undefined {
    if (this.#stop.call !== undefined && this.#stop.call !== call) {
      return undefined;
    }
    this.#callsLeft -= 1;
    return this.#callsLeft === -1 ? this.#stop.moment : undefined;
  }
}
