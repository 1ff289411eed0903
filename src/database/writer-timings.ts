import { durationBounds, Histogram, type HistogramCounts } from '../runtime/interface.ts';

const sizeBounds: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** What is measured of a writer, with the bounds of its buckets. */
const measures = {
  /** From the arrival of a client's transaction to its answer, in seconds. */
  write: durationBounds,
  /** One fsync of the log, in seconds. */
  fsync: durationBounds,
  /** Client transactions that share one fsync. */
  groupSize: sizeBounds,
  /** How long a group waits for acknowledgements after its own fsync, in seconds. */
  ackWait: durationBounds,
  /** One SQLite transaction of a replica that applies records, in seconds. */
  apply: durationBounds,
} as const;

export type WriterMeasure = keyof typeof measures;

const measureNames = Object.keys(measures) as WriterMeasure[];

/** Histograms of one writer, in memory that its thread shares with the others. */
export class WriterTimings {
  /** Bytes of shared memory that are needed. */
  static readonly sizeBytes =
    Float64Array.BYTES_PER_ELEMENT * measureNames.reduce((sum, name) => sum + Histogram.cellCount(measures[name]), 0);
  readonly #histograms: Readonly<Record<WriterMeasure, Histogram>>;

  constructor(buffer: SharedArrayBuffer, offsetBytes: number) {
    let offset = offsetBytes;
    const entries = measureNames.map((name) => {
      const cells = new Float64Array(buffer, offset, Histogram.cellCount(measures[name]));
      offset += cells.byteLength;
      return [name, new Histogram(measures[name], cells)];
    });
    this.#histograms = Object.fromEntries(entries) as Record<WriterMeasure, Histogram>;
  }

  observe(name: WriterMeasure, value: number): void {
    this.#histograms[name].observe(value);
  }

  /** A duration that began at `sinceMs` and ended at `nowMs`, by the same clock. */
  observeMs(name: WriterMeasure, sinceMs: number, nowMs: number): void {
    this.#histograms[name].observe((nowMs - sinceMs) / 1_000);
  }

  read(name: WriterMeasure): HistogramCounts {
    return this.#histograms[name].read();
  }
}
