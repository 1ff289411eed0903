import type { Runtime } from '../runtime/interface.ts';

/** How long is sent before anything is judged, in milliseconds: many times what is on its way between the two nodes. */
const workMs = 100;

/** Time without any commit after which nobody is taken to write, in milliseconds. */
const quietMs = 1000;

/** The longest rest, in milliseconds. */
const maxRestMs = 2000;

/** Part of the time that a snapshot always gets while others write, so that it ends; and the most that it gets. */
const minShare = 0.1;
const maxShare = 0.9;

/** How much the newest measurement counts against all the earlier ones. */
const newestWeight = 0.2;

export interface SnapshotPaceOptions {
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>;
  /** Transactions committed so far. */
  readonly committed: () => number;
  /** Part of the writers' speed that a snapshot may take; 1 for all. */
  readonly tolerated: number;
  readonly signal: AbortSignal;
}

/**
 * Lets a snapshot go as fast as it can while nobody writes, and otherwise rests so much that writers keep their speed.
 *
 * A fixed rate would be too slow on one machine and too fast on another. So what is measured is what matters: how many
 * transactions are committed in a second while the snapshot is sent (w), and while it rests (r). When it is sent for a part s of the time,
 * writers lose s · (1 − w/r) of their speed; s is chosen so that this is what is tolerated. On a machine with room for
 * both w is close to r, and s close to 1.
 */
export class SnapshotPace {
  readonly #options: SnapshotPaceOptions;
  #beganMs: number;
  #beganAt: number;
  #lastCommitMs = Number.NEGATIVE_INFINITY;
  #workRate: number | undefined;
  #restRate: number | undefined;

  constructor(options: SnapshotPaceOptions) {
    this.#options = options;
    this.#beganMs = options.runtime.clock.monotonicMs();
    this.#beganAt = options.committed();
  }

  /** To be called after each piece; rests when it is time. @throws QuorateError CANCELLED when the signal aborts */
  async step(): Promise<void> {
    const { runtime, tolerated, signal } = this.#options;
    const elapsedMs = runtime.clock.monotonicMs() - this.#beganMs;
    if (tolerated >= 1 || elapsedMs < workMs) {
      return;
    }
    this.#workRate = mixed(this.#workRate, this.#endPhase());
    if (runtime.clock.monotonicMs() - this.#lastCommitMs > quietMs) {
      this.#workRate = undefined;
      this.#restRate = undefined;
      return;
    }
    await runtime.timers.sleep(Math.min(elapsedMs * (1 / this.#share() - 1), maxRestMs), signal);
    this.#restRate = mixed(this.#restRate, this.#endPhase());
  }

  /** Begins another phase; returns the transactions per millisecond of the one that ends. */
  #endPhase(): number {
    const nowMs = this.#options.runtime.clock.monotonicMs();
    const committed = this.#options.committed();
    const rate = (committed - this.#beganAt) / (nowMs - this.#beganMs);
    if (committed !== this.#beganAt) {
      this.#lastCommitMs = nowMs;
    }
    this.#beganMs = nowMs;
    this.#beganAt = committed;
    return rate;
  }

  #share(): number {
    if (this.#workRate === undefined || this.#restRate === undefined) {
      return minShare;
    }
    const loss = 1 - this.#workRate / this.#restRate;
    return loss > 0 ? Math.min(Math.max(this.#options.tolerated / loss, minShare), maxShare) : maxShare;
  }
}

function mixed(before: number | undefined, newest: number): number {
  return before === undefined ? newest : before + (newest - before) * newestWeight;
}
