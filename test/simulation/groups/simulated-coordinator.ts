import { checkCommit, checkKey, checkLeaseTtl } from '../../../src/cluster/coordinator-limits.ts';
import type { Coordinator, CoordinatorLease, CoordinatorListener } from '../../../src/cluster/interface.ts';
import { QuorateError } from '../../../src/errors/interface.ts';
import type { SimulatedTime } from '../simulated-time.ts';
import type { Calls, Endpoint } from './calls.ts';
import type { CoordinatorServer } from './coordinator-server.ts';

/** Milliseconds after which a call has failed. */
const callLimitMs = 2_000;
/** Milliseconds until a watch that was cut off is there again. */
const reconnectMs = 300;

export interface SimulatedCoordinatorOptions {
  readonly server: CoordinatorServer;
  readonly calls: Calls;
  readonly time: SimulatedTime;
  readonly node: Endpoint;
  /** What a listener of a watch has thrown. */
  readonly onError: (error: unknown) => void;
}

/** The coordinator as one life of one node reaches it. */
export class SimulatedCoordinator implements Coordinator {
  readonly #options: SimulatedCoordinatorOptions;
  readonly #server: CoordinatorServer;
  readonly #node: Endpoint;
  #isClosed = false;

  constructor(options: SimulatedCoordinatorOptions) {
    this.#options = options;
    this.#server = options.server;
    const { name, process } = options.node;
    this.#node = { name, process };
  }

  async get(key: string) {
    checkKey(key);
    return await this.#call(() => this.#server.get(key));
  }

  list(prefix: string) {
    return this.#call(() => this.#server.list(prefix));
  }

  async commit(...commit: Parameters<Coordinator['commit']>) {
    checkCommit(...commit);
    return await this.#call(() => this.#server.commit(...commit));
  }

  async openLease(ttlMs: number): Promise<CoordinatorLease> {
    checkLeaseTtl(ttlMs);
    const id = await this.#call(() => this.#server.openLease(ttlMs));
    return {
      id,
      ttlMs,
      renew: () => this.#call(() => this.#server.renew(id)),
      revoke: () => this.#call(() => this.#server.revoke(id)),
    };
  }

  watch(prefix: string, { changed }: CoordinatorListener): Disposable {
    const { calls, time, onError } = this.#options;
    let isOver = false;
    const tell = () => {
      try {
        changed();
      } catch (error) {
        onError(error);
      }
    };
    const notify = () => {
      const { name, process } = this.#node;
      if (isOver || process === undefined || !process.alive) {
        return;
      }
      if (this.#server.isDown || calls.isCut(this.#server.name, name)) {
        time.after(reconnectMs, process, notify);
      } else {
        time.after(calls.maxDelayMs / 2, process, () => !isOver && tell());
      }
    };
    const watch = this.#server.watch(prefix, notify);
    notify();
    return {
      [Symbol.dispose]: () => {
        isOver = true;
        watch[Symbol.dispose]();
      },
    };
  }

  /** Nobody knows what became of a call that gets no answer. */
  #call<T>(run: () => T): Promise<T> {
    if (this.#isClosed) {
      return Promise.reject(new QuorateError('CANCELLED', 'the coordinator is closed'));
    }
    return this.#options.calls.make(
      {
        from: this.#node,
        to: this.#server,
        limitMs: callLimitMs,
        silence: () => new QuorateError('COORDINATOR_UNAVAILABLE', 'the coordinator does not answer'),
        isLossy: true,
      },
      () => (this.#server.isDown ? new Promise<never>(() => {}) : run()),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }
}
