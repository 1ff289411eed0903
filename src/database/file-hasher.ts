import { Worker } from 'node:worker_threads';
import { asQuorateError, QuorateError, type SerializedError } from '../errors/interface.ts';

export interface HashStart {
  readonly descriptor: number;
}

export interface HashRequest {
  readonly toBytes: number;
  /** The file ends here. */
  readonly ends: boolean;
}

export type HashAnswer = { readonly sha256: Uint8Array } | { readonly error: SerializedError };

const entry = new URL(
  import.meta.url.endsWith('.ts') ? './file-hash-thread.ts' : './file-hash-thread.js',
  import.meta.url,
);

/**
 * SHA-256 of a file, computed on a thread of its own while others read or write the same bytes: what it reads is still in the
 * operating system's memory. It goes from the beginning of the file, in one go, no further than it is told.
 */
export class FileHasher implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #answer = Promise.withResolvers<Uint8Array>();
  #toBytes = 0;
  #ended = false;

  /** `descriptor`: of an open file; whoever closes it disposes of this first. */
  constructor(descriptor: number) {
    const workerData: HashStart = { descriptor };
    this.#worker = new Worker(entry, { workerData, name: 'quorate hash' });
    this.#worker.on('message', (answer: HashAnswer) => {
      if ('error' in answer) {
        this.#answer.reject(QuorateError.deserialize(answer.error));
      } else {
        this.#answer.resolve(answer.sha256);
      }
    });
    this.#worker.on('error', (error) => this.#answer.reject(asQuorateError(error)));
    this.#worker.on('exit', () =>
      this.#answer.reject(new QuorateError('CANCELLED', 'the hashing of a file was ended')),
    );
    // Whoever breaks off does not wait for it.
    this.#answer.promise.catch(() => {});
  }

  /** The bytes up to here are there now. */
  advance(toBytes: number): void {
    if (toBytes > this.#toBytes && !this.#ended) {
      this.#toBytes = toBytes;
      this.#send({ toBytes, ends: false });
    }
  }

  /** SHA-256 of the whole file, 32 bytes. @throws QuorateError IO_ERROR, CANCELLED */
  digest(sizeBytes: number): Promise<Uint8Array> {
    if (!this.#ended) {
      this.#ended = true;
      this.#send({ toBytes: sizeBytes, ends: true });
    }
    return this.#answer.promise;
  }

  #send(request: HashRequest): void {
    this.#worker.postMessage(request);
  }

  /** Resolves when nothing is read any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}
