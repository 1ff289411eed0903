import { QuorateError } from '../errors/interface.ts';
import type { Machine, Runtime } from '../runtime/interface.ts';
import type { LocalGenerations } from './local-generations.ts';
import { LocalStore } from './local-store.ts';

/** The file of the coordinator that is in use: when the nodes go on in another one, so does this. */
export class LocalFile implements Disposable {
  readonly #generations: LocalGenerations;
  readonly #runtime: Runtime;
  readonly #machine: Machine;
  #generation: number;
  #store: LocalStore;

  private constructor(generations: LocalGenerations, runtime: Runtime, machine: Machine) {
    this.#generations = generations;
    this.#runtime = runtime;
    this.#machine = machine;
    this.#generation = generations.current();
    this.#store = LocalStore.open(generations.path(this.#generation), runtime, machine);
  }

  /** @throws QuorateError DATABASE_LOCKED, DATABASE_CORRUPT, IO_ERROR, DISK_FULL */
  static open(generations: LocalGenerations, runtime: Runtime, machine: Machine): LocalFile {
    return new LocalFile(generations, runtime, machine);
  }

  /** Differs from its last value when another process has changed something. */
  get dataVersion(): string {
    return this.read((store) => `${this.#generation} ${store.dataVersion}`);
  }

  /** Does what does no harm when it is done twice. */
  read<Result>(action: (store: LocalStore) => Result): Result {
    for (;;) {
      this.#moveOn();
      try {
        const result = action(this.#store);
        if (!this.#isClosed) {
          return result;
        }
      } catch (error) {
        if (!this.#isClosed) {
          throw error;
        }
      }
    }
  }

  /** @throws QuorateError COORDINATOR_UNAVAILABLE when nobody can say whether it counts, since the file was closed meanwhile */
  change<Result>(action: (store: LocalStore) => Result): Result {
    this.#moveOn();
    let result: Result;
    try {
      result = action(this.#store);
    } catch (error) {
      throw this.#isClosed ? this.#closedMeanwhile() : error;
    }
    if (this.#isClosed) {
      throw this.#closedMeanwhile();
    }
    return result;
  }

  /** Goes on in another file, since a process holds the lock of this one and does not move. */
  takeOver(): void {
    this.#generations.takeOver(this.#generation);
    this.#moveOn();
  }

  [Symbol.dispose](): void {
    this.#store[Symbol.dispose]();
  }

  #closedMeanwhile(): QuorateError {
    const filePath = this.#generations.path(this.#generation);
    return new QuorateError(
      'COORDINATOR_UNAVAILABLE',
      `${filePath} was closed meanwhile: the nodes go on in another file`,
      {
        hint: 'The change may have been made. This process, or the disk, stood still for too long.',
        details: { inDoubt: true },
      },
    );
  }

  get #isClosed(): boolean {
    return this.#generations.isClosed(this.#generation);
  }

  #moveOn(): void {
    if (this.#isClosed) {
      const generation = this.#generations.current();
      const next = LocalStore.open(this.#generations.path(generation), this.#runtime, this.#machine);
      this.#store[Symbol.dispose]();
      this.#store = next;
      this.#generation = generation;
    }
  }
}
