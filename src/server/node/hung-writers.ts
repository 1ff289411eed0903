import type { Database } from '../../database/interface.ts';
import type { Runtime, Timer } from '../../runtime/interface.ts';

/** How often the writers are looked at, in milliseconds. */
const intervalMs = 100;

/** The least time after which a writer is given up, in milliseconds: any may be at one thing for a moment. */
const leastPatienceMs = 1_000;

export interface HungWritersOptions {
  readonly runtime: Runtime;
  readonly databases: readonly Database[];
  /** Milliseconds that running requests may take to end. */
  readonly patienceMs: number;
}

/**
 * While a server stops: when the time is over that running requests may take, gives up each writer that has been at one
 * thing for as long, so that everything else can close.
 */
export class HungWriters implements Disposable {
  readonly #options: HungWritersOptions;
  readonly #hung = new Set<Database>();
  #timer: Timer;

  constructor(options: HungWritersOptions) {
    this.#options = options;
    this.#timer = options.runtime.timers.after(options.patienceMs, () => this.#look());
  }

  /** The databases whose writers were given up. Their threads let the process end only when it is killed. */
  get names(): readonly string[] {
    return [...this.#hung].map(({ name }) => name);
  }

  #look(): void {
    const { runtime, databases, patienceMs } = this.#options;
    for (const database of databases) {
      if (!this.#hung.has(database) && database.writerSilentMs() >= Math.max(patienceMs, leastPatienceMs)) {
        this.#hung.add(database);
        database.giveUpWriter();
      }
    }
    this.#timer = runtime.timers.after(intervalMs, () => this.#look());
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
  }
}
