import type { Timer, Timers } from '../runtime/interface.ts';
import { markerOf } from '../sqlite/interface.ts';

/** How long the writer stands still at a marker for a snapshot to be pinned, in milliseconds. */
const holdMs = 2_000;

/** Markers that are awaited at once; the oldest is forgotten for one more. */
const maxAwaited = 32;

export interface MarkerWatchOptions {
  readonly timers: Timers;
  /** SQLite shows exactly the transactions up to an awaited marker, and stays so for a while. */
  readonly onReached: (marker: string, txId: number) => void;
  /** The writer may go on. */
  readonly onReleased: () => void;
}

/**
 * Stops the writer at the markers that somebody waits for, so that a snapshot can be pinned there. The stop is short: it
 * ends when the snapshot is pinned, and by itself after a time limit. Markers are known by their id in hexadecimal.
 */
export class MarkerWatch {
  readonly #options: MarkerWatchOptions;
  readonly #awaited = new Set<string>();
  #held: string | undefined;
  #timer: Timer | undefined;

  constructor(options: MarkerWatchOptions) {
    this.#options = options;
  }

  /** Whether the writer has to stand still: nothing may be committed or applied. */
  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  await(marker: string): void {
    const [oldest] = this.#awaited;
    if (this.#awaited.size >= maxAwaited && oldest !== undefined) {
      this.#awaited.delete(oldest);
    }
    this.#awaited.add(marker);
  }

  /** The marker that these operations are, if it is one that somebody waits for. */
  awaitedIn(operations: Uint8Array): string | undefined {
    const id = this.#awaited.size === 0 ? undefined : markerOf(operations);
    const marker = id === undefined ? undefined : Buffer.from(id).toString('hex');
    return marker !== undefined && this.#awaited.has(marker) ? marker : undefined;
  }

  /** To be called when SQLite shows all up to the marker and nothing beyond. */
  reached(marker: string, txId: number): void {
    if (this.#awaited.delete(marker)) {
      this.#held = marker;
      this.#timer = this.#options.timers.after(holdMs, () => this.release(marker));
      this.#options.onReached(marker, txId);
    }
  }

  /** The snapshot is pinned, or nobody wants it any more. */
  release(marker: string): void {
    this.#awaited.delete(marker);
    if (this.#held === marker) {
      this.clear();
      this.#options.onReleased();
    }
  }

  /** Ends the stop, for a writer that changes its role or ends. */
  clear(): void {
    this.#timer?.cancel();
    this.#held = undefined;
  }
}
