import { asQuorateError, type QuorateError } from '../../errors/interface.ts';
import type { Timer, Timers } from '../../runtime/interface.ts';

/** How often the permissions behind open streams are looked at, in milliseconds. */
const intervalMs = 1_000;

interface Watched {
  /** Throws when the stream may not go on. */
  readonly check: () => void;
  readonly end: (error: QuorateError) => void;
}

/** Ends the streams of those who have lost their permission while the stream was open. */
export class StreamWatch implements Disposable {
  readonly #timers: Timers;
  readonly #watched = new Set<Watched>();
  #timer: Timer | undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Watches until the returned function is called, or the stream was ended. */
  add(watched: Watched): () => void {
    this.#watched.add(watched);
    this.#timer ??= this.#timers.after(intervalMs, () => this.#round());
    return () => this.#watched.delete(watched);
  }

  /** Looks at all of them now. */
  checkAll(): void {
    for (const watched of this.#watched) {
      try {
        watched.check();
      } catch (thrown) {
        const error = asQuorateError(thrown);
        // While the users cannot be read nobody has lost anything.
        if (error.code === 'PERMISSION_DENIED' || error.code === 'UNAUTHENTICATED') {
          this.#watched.delete(watched);
          watched.end(error);
        }
      }
    }
  }

  #round(): void {
    this.#timer = undefined;
    this.checkAll();
    if (this.#watched.size > 0) {
      this.#timer = this.#timers.after(intervalMs, () => this.#round());
    }
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#watched.clear();
  }
}
