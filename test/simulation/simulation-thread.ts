import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { GroupResult } from './groups/group-simulation.ts';
import type { Mutation } from './mutation.ts';
import type { SimulationResult } from './simulation.ts';

interface Results {
  readonly cluster: SimulationResult;
  readonly group: GroupResult;
}

export interface SimulationOrder {
  readonly kind: keyof Results;
  readonly seed: number;
  /** Name of a defect that is put in. */
  readonly mutation?: string | undefined;
}

/**
 * Runs simulations for tests, in a thread: node:test follows every promise of the main thread, and a simulation, which is
 * made of promises, takes twice the time there.
 */
export class SimulationThread<Kind extends keyof Results> {
  readonly #kind: Kind;
  readonly #worker = new Worker(new URL('./simulation-worker.ts', import.meta.url));

  constructor(kind: Kind) {
    this.#kind = kind;
    this.#worker.unref();
  }

  /** One run at a time. Rejects with what the simulation has thrown; the thread is then gone. */
  async run(seed: number, mutation?: Mutation): Promise<Results[Kind]> {
    const order: SimulationOrder = { kind: this.#kind, seed, mutation: mutation?.name };
    this.#worker.ref();
    this.#worker.postMessage(order);
    const [result] = await once(this.#worker, 'message');
    this.#worker.unref();
    return result;
  }
}
