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

/** The coordinator as one life of one node reaches it. */
export class SimulatedCoordinator implements Coordinator {
  readonly #server: CoordinatorServer;
  readonly #calls: Calls;
  readonly #time: SimulatedTime;
  readonly #node: Endpoint;

  constructor(server: CoordinatorServer, calls: Calls, time: SimulatedTime, { name, process }: Endpoint) {
    this.#server = server;
    this.#calls = calls;
    this.#time = time;
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
    let isOver = false;
    const notify = () => {
      const { name, process } = this.#node;
      if (isOver || process === undefined || !process.alive) {
        return;
      }
      if (this.#server.isDown || this.#calls.isCut(this.#server.name, name)) {
        this.#time.after(reconnectMs, process, notify);
      } else {
        this.#time.after(this.#calls.maxDelayMs / 2, process, () => !isOver && changed());
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
    return this.#calls.make(
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
    return Promise.resolve();
  }
}
