import { Worker } from 'node:worker_threads';
import { writeLogEntry } from '../database/interface.ts';
import { asQuorateError, QuorateError } from '../errors/interface.ts';
import type { Logger } from '../runtime/interface.ts';
import type { HostCall, HostCalls, HostMessage, HostReady, HostStart } from './host-messages.ts';
import { Liveness } from './liveness.ts';
import type { HostOptions } from './options.ts';

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: QuorateError) => void;
}

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
const entry = new URL(`./host-thread${extension}`, import.meta.url);

/** The application's end of the thread on which its node runs. */
export class HostClient {
  readonly liveness: Liveness;
  readonly #worker: Worker;
  readonly #logger: Logger;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ready = Promise.withResolvers<HostReady>();
  readonly #exited = Promise.withResolvers<void>();
  #nextId = 1;
  #failure: QuorateError | undefined;

  private constructor(worker: Worker, logger: Logger) {
    this.#worker = worker;
    this.#logger = logger;
    worker.on('message', (message: HostMessage) => this.#receive(message));
    worker.on('error', (error) => {
      logger.error({ err: error }, 'the thread of the node failed');
      this.#fail(asQuorateError(error));
    });
    worker.on('exit', () => {
      this.#fail(new QuorateError('DATABASE_UNLOADED', 'this node was closed', { hint: 'Open it again.' }));
      this.#exited.resolve();
    });
    this.liveness = new Liveness(worker);
  }

  /** Starts the thread and resolves when the node is open. @throws QuorateError what the node refused to open with */
  static async start(options: HostOptions, logger: Logger): Promise<{ host: HostClient; ready: HostReady }> {
    const start: HostStart = { options };
    const host = new HostClient(new Worker(entry, { workerData: start, name: 'quorate node' }), logger);
    try {
      return { host, ready: await host.liveness.during(host.#ready.promise) };
    } catch (error) {
      await host.#end();
      throw error;
    }
  }

  async request<K extends HostCall>(kind: K, request: HostCalls[K]['request']): Promise<HostCalls[K]['answer']> {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    const id = this.#nextId;
    this.#nextId += 1;
    const { promise, resolve, reject } = Promise.withResolvers<HostCalls[K]['answer']>();
    this.#waiting.set(id, { resolve: resolve as (answer: never) => void, reject });
    this.#worker.postMessage({ id, kind, request });
    return await this.liveness.during(promise);
  }

  /** Closes the node and ends its thread. */
  async close(): Promise<void> {
    try {
      if (this.#failure === undefined) {
        await this.request('close', undefined);
      }
    } finally {
      await this.#end();
    }
  }

  async #end(): Promise<void> {
    await this.liveness.during(this.#worker.terminate());
    await this.#exited.promise;
  }

  #receive(message: HostMessage): void {
    switch (message.kind) {
      case 'ready':
        this.#ready.resolve(message.ready);
        return;
      case 'refused':
        this.#ready.reject(QuorateError.deserialize(message.error));
        return;
      case 'log':
        writeLogEntry(this.#logger, message.entry);
        return;
      case 'answer':
        this.#take(message.id)?.resolve(message.answer as never);
        return;
      case 'error':
        this.#take(message.id)?.reject(QuorateError.deserialize(message.error));
        return;
    }
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #fail(error: QuorateError): void {
    this.#failure ??= error;
    this.#ready.reject(this.#failure);
    for (const { reject } of this.#waiting.values()) {
      reject(this.#failure);
    }
    this.#waiting.clear();
  }
}
