import type { Clock } from '../runtime/interface.ts';
import type { Streams } from './output.ts';

/** Milliseconds between two lines where there is no terminal to write the same line again. */
const plainIntervalMs = 5_000;

/** Width of a bar that leaves room for its figures on a terminal of 80 columns. */
export const lineBarWidth = 20;

/** To the start of the line, and the rest of it cleared: carriage return and ECMA-48 EL. */
const startOver = '\r\u001b[K';

/**
 * A line that says how far something is: on a terminal it is written again and again in its place, elsewhere a new line
 * now and then, and always when `key` changes.
 */
export class ProgressLine implements Disposable {
  readonly #streams: Streams;
  readonly #clock: Clock;
  #isOpen = false;
  #key = '';
  #printedAtMs = Number.NEGATIVE_INFINITY;

  constructor(streams: Streams, clock: Clock) {
    this.#streams = streams;
    this.#clock = clock;
  }

  /** `key`: what the line is about; another one is told at once. */
  show(key: string, text: string): void {
    const { terminal, out } = this.#streams;
    if (terminal !== undefined) {
      this.#isOpen = true;
      // A line that wraps could not be written again in its place.
      out(startOver + text.slice(0, Math.max(0, terminal.columns - 1)));
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    if (key !== this.#key || nowMs - this.#printedAtMs >= plainIntervalMs) {
      this.#key = key;
      this.#printedAtMs = nowMs;
      out(`${text}\n`);
    }
  }

  /** Leaves the line as it is; what is printed next begins below it. */
  end(): void {
    if (this.#isOpen) {
      this.#isOpen = false;
      this.#streams.out('\n');
    }
    this.#key = '';
  }

  [Symbol.dispose](): void {
    this.end();
  }
}
