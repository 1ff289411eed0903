import { QuorateError } from '../errors/interface.ts';
import type { LogPosition } from '../log/interface.ts';
import type { Timer, Timers } from '../runtime/interface.ts';
import type { PauseUntil } from './types.ts';
import type { Call } from './writer-role.ts';

export interface PauseLimits {
  readonly limitMs: number;
  readonly until: PauseUntil;
}

/** The time in which a primary begins nothing new, so that another node can take its place. */
export class WritePause {
  readonly #timers: Timers;
  /** Whoever waits until the primary stands still. */
  #call: Call | undefined;
  #until: PauseUntil = 'committed';
  #timer: Timer | undefined;
  #isOn = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** @param onLimit called when the primary does not stand still in time, before the call is answered */
  begin({ limitMs, until }: PauseLimits, call: Call, onLimit: () => void): void {
    if (this.#isOn) {
      throw new QuorateError('OVERLOADED', 'writes are paused already', { hint: 'Let them go on first.' });
    }
    this.#isOn = true;
    this.#call = call;
    this.#until = until;
    this.#timer = this.#timers.after(limitMs, onLimit);
  }

  /** Whether somebody waits for what has come about. */
  isAwaited(reached: PauseUntil): boolean {
    return this.#call !== undefined && (reached === 'committed' || this.#until === 'logged');
  }

  /** The primary stands still, and everything in its log is as far as was asked. */
  settle(position: LogPosition): void {
    this.#timer?.cancel();
    this.#call?.succeed(position);
    this.#call = undefined;
  }

  /** Writes go on. `reason`: why, for one who still waits until they stop. */
  end(reason: QuorateError): void {
    this.#timer?.cancel();
    this.#isOn = false;
    this.#call?.fail(reason);
    this.#call = undefined;
  }
}
