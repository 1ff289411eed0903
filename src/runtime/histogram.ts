/** Upper bounds of the buckets of a duration, in seconds: from what memory takes to what people give up at. */
export const durationBounds: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** What a histogram has counted. */
export interface HistogramCounts {
  /** Upper bounds, ascending; a further bucket takes what is above the last. */
  readonly bounds: readonly number[];
  /** Observations up to each bound, all smaller ones included; the last is their number. */
  readonly cumulative: readonly number[];
  readonly sum: number;
}

/**
 * Counts observations in fixed buckets, as Prometheus wants them, at some ten nanoseconds each. One thread observes; others
 * may read meanwhile where the cells are in shared memory, and see at worst an observation that is in a bucket and not yet
 * in the sum.
 */
export class Histogram {
  readonly #bounds: readonly number[];
  /** A count for each bound, one for what is above, and the sum. */
  readonly #cells: Float64Array;

  constructor(bounds: readonly number[], cells: Float64Array = new Float64Array(Histogram.cellCount(bounds))) {
    this.#bounds = bounds;
    this.#cells = cells;
  }

  /** Cells that a histogram with these bounds needs. */
  static cellCount(bounds: readonly number[]): number {
    return bounds.length + 2;
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    const cells = this.#cells;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) {
      bucket += 1;
    }
    cells[bucket] = (cells[bucket] as number) + 1;
    cells[bounds.length + 1] = (cells[bounds.length + 1] as number) + value;
  }

  read(): HistogramCounts {
    let total = 0;
    const counts = [...this.#cells.subarray(0, this.#bounds.length + 1)];
    const cumulative = counts.map((count) => {
      total += count;
      return total;
    });
    return { bounds: this.#bounds, cumulative, sum: this.#cells[this.#bounds.length + 1] as number };
  }
}
