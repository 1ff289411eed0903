import type { Clock } from '../runtime/interface.ts';
import type { SnapshotProgress } from './types.ts';

/** How far the copying of a snapshot is. The rate is that of this attempt, from where it began. */
export class ProgressMeter {
  readonly #clock: Clock;
  readonly #sizeBytes: number;
  readonly #fromBytes: number;
  readonly #beganMs: number;
  #receivedBytes: number;

  constructor(clock: Clock, sizeBytes: number, fromBytes: number) {
    this.#clock = clock;
    this.#sizeBytes = sizeBytes;
    this.#fromBytes = fromBytes;
    this.#receivedBytes = fromBytes;
    this.#beganMs = clock.monotonicMs();
  }

  received(totalBytes: number): void {
    this.#receivedBytes = totalBytes;
  }

  get progress(): SnapshotProgress {
    const seconds = (this.#clock.monotonicMs() - this.#beganMs) / 1000;
    const bytesPerSecond = seconds > 0 ? (this.#receivedBytes - this.#fromBytes) / seconds : 0;
    const missingBytes = this.#sizeBytes - this.#receivedBytes;
    return {
      receivedBytes: this.#receivedBytes,
      sizeBytes: this.#sizeBytes,
      bytesPerSecond,
      secondsLeft: bytesPerSecond > 0 ? missingBytes / bytesPerSecond : 0,
    };
  }
}
