interface Sample {
  readonly count: number;
  readonly timeMs: number;
}

/** How fast a counter grows, over a sliding window. */
export class RateMeter {
  readonly #windowMs: number;
  #samples: Sample[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Takes the counter's value at a moment; a counter that went back begins anew. */
  add(count: number, timeMs: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && count < last.count) {
      this.#samples = [];
    }
    this.#samples.push({ count, timeMs });
    // The newest sample that is older than the window stays, so that the window is always covered.
    const firstInside = this.#samples.findIndex((sample) => sample.timeMs > timeMs - this.#windowMs);
    this.#samples = this.#samples.slice(Math.max(0, firstInside - 1));
  }

  /** Per second; undefined until there are two moments to compare. */
  get perSecond(): number | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.timeMs <= first.timeMs) {
      return undefined;
    }
    return ((last.count - first.count) / (last.timeMs - first.timeMs)) * 1000;
  }
}
