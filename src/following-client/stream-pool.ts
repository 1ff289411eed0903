import { asQuorateError, type QuorateError } from '../errors/interface.ts';
import { BoundedQueue } from '../runtime/interface.ts';
import type { HranaConnection } from './hrana-connection.ts';

interface Waiter {
  readonly resolve: (stream: number) => void;
  readonly reject: (error: QuorateError) => void;
}

/**
 * Streams of one connection: the requests of a stream run in their order, so each operation has one for itself. A stream that
 * was used is used again.
 */
export class StreamPool {
  readonly #connection: HranaConnection;
  readonly #maxStreams: number;
  readonly #free: number[] = [];
  readonly #waiting: BoundedQueue<Waiter>;
  #opened = 0;
  #inUse = 0;

  constructor(connection: HranaConnection, maxStreams: number, maxWaiting: number) {
    this.#connection = connection;
    this.#maxStreams = maxStreams;
    this.#waiting = new BoundedQueue('the queue for a stream of the client', maxWaiting);
  }

  get inUse(): number {
    return this.#inUse;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** @throws QuorateError OVERLOADED; what opening a stream throws */
  async take(): Promise<number> {
    const free = this.#free.pop();
    if (free !== undefined) {
      this.#inUse += 1;
      return free;
    }
    if (this.#inUse >= this.#maxStreams) {
      return await new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    }
    return await this.#open();
  }

  async #open(): Promise<number> {
    this.#opened += 1;
    this.#inUse += 1;
    const stream = this.#opened;
    try {
      await this.#connection.request({ type: 'open_stream', stream_id: stream });
      return stream;
    } catch (error) {
      this.#inUse -= 1;
      throw error;
    }
  }

  give(stream: number): void {
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#inUse -= 1;
      this.#free.push(stream);
    } else {
      next.resolve(stream);
    }
  }

  /** For a stream that may still be busy, or hold something: it ends, and what it has not committed is rolled back. */
  discard(stream: number): void {
    this.#inUse -= 1;
    this.#connection.request({ type: 'close_stream', stream_id: stream }).catch(() => {});
    const next = this.#waiting.shift();
    if (next !== undefined) {
      this.#open().then(next.resolve, (error: unknown) => next.reject(asQuorateError(error, 'UNAVAILABLE')));
    }
  }

  /** The connection has ended: whoever waits for a stream gets none. */
  close(reason: QuorateError): void {
    for (const { reject } of this.#waiting.drain()) {
      reject(reason);
    }
  }
}
