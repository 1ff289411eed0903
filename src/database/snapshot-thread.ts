import { Worker } from 'node:worker_threads';
import { asQuorateError, QuorateError } from '../errors/interface.ts';
import type {
  SnapshotCall,
  SnapshotCalls,
  VerificationAnswer,
  VerificationRequest,
  VerificationStart,
} from './verification-messages.ts';

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: QuorateError) => void;
}

const entry = new URL(
  import.meta.url.endsWith('.ts') ? './verification-thread.ts' : './verification-thread.js',
  import.meta.url,
);

/** The near end of a thread that holds one pinned snapshot. Bytes that come from it are plain Uint8Arrays. */
export class SnapshotThread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited = Promise.withResolvers<void>();
  #nextId = 1;
  #failure: QuorateError | undefined;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (answer: VerificationAnswer) => this.#receive(answer));
    worker.on('error', (error) => this.#fail(asQuorateError(error)));
    worker.on('exit', () => {
      this.#fail(new QuorateError('CANCELLED', 'the verification was ended'));
      this.#exited.resolve();
    });
  }

  /** Resolves when the thread has opened the file, so that pinning takes no longer than two messages. */
  static async start(start: VerificationStart): Promise<SnapshotThread> {
    const worker = new Worker(entry, { workerData: start, name: 'quorate verification' });
    const thread = new SnapshotThread(worker);
    try {
      await thread.#request((id) => ({ id, call: 'open' }));
      return thread;
    } catch (error) {
      await thread[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Pins a snapshot of what the file holds now; the transaction that it ends with. */
  pin(): Promise<number> {
    return this.#request((id) => ({ id, call: 'pin' })) as Promise<number>;
  }

  ask<K extends SnapshotCall>(call: K, request: SnapshotCalls[K]['request']): Promise<SnapshotCalls[K]['answer']> {
    const make = (id: number) => ({ id, call, request }) as VerificationRequest;
    return this.#request(make) as Promise<SnapshotCalls[K]['answer']>;
  }

  #request(make: (id: number) => VerificationRequest): Promise<unknown> {
    if (this.#failure !== undefined) {
      return Promise.reject(this.#failure);
    }
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage(make(id));
    });
  }

  #receive(answer: VerificationAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('error' in answer) {
      waiting?.reject(QuorateError.deserialize(answer.error));
    } else {
      waiting?.resolve(answer.value);
    }
  }

  #fail(failure: QuorateError): void {
    this.#failure ??= failure;
    for (const waiting of this.#waiting.values()) {
      waiting.reject(failure);
    }
    this.#waiting.clear();
  }

  /** Closes the snapshot after the question that is being answered. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#failure === undefined) {
      this.#worker.postMessage({ id: 0, call: 'close' });
    }
    await this.#exited.promise;
  }
}
