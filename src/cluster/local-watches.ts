import { asQuorateError, QuorateError } from '../errors/interface.ts';
import type { Machine, Runtime, Timer } from '../runtime/interface.ts';
import type { CoordinatorListener } from './coordinator.ts';
import { maxCoordinatorWatches } from './coordinator-limits.ts';
import type { LocalFile } from './local-file.ts';

/** Milliseconds after which another process's change is seen; a look costs a few microseconds. */
const watchIntervalMs = 20;

interface LocalWatch {
  readonly prefix: string;
  readonly listener: CoordinatorListener;
  /** What the listener was last called for. */
  trace: string | undefined;
}

/** Looks for changes in the file, and removes leases that have ended, as long as anybody watches. */
export class LocalWatches implements Disposable {
  readonly #file: LocalFile;
  readonly #runtime: Runtime;
  readonly #machine: Machine;
  readonly #watches = new Set<LocalWatch>();
  #timer: Timer | undefined;
  /** As they were at the last look. */
  #dataVersion: string | undefined;
  #revision = -1;
  #nextEndMs = 0;
  #failed = false;
  #closed = false;

  constructor(file: LocalFile, runtime: Runtime, machine: Machine) {
    this.#file = file;
    this.#runtime = runtime;
    this.#machine = machine;
  }

  /** @throws QuorateError OVERLOADED */
  add(prefix: string, listener: CoordinatorListener): Disposable {
    if (this.#watches.size >= maxCoordinatorWatches) {
      throw new QuorateError('OVERLOADED', `the coordinator has ${maxCoordinatorWatches} watches already`, {
        details: { limit: maxCoordinatorWatches },
      });
    }
    const watch: LocalWatch = { prefix, listener, trace: undefined };
    this.#watches.add(watch);
    this.#revision = -1;
    this.lookSoon();
    return { [Symbol.dispose]: () => this.#watches.delete(watch) };
  }

  /** After a change of this process, which the file itself does not show to it. */
  lookSoon(): void {
    this.#dataVersion = undefined;
    this.#schedule(0);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#watches.clear();
  }

  #schedule(delayMs: number): void {
    this.#timer?.cancel();
    if (!this.#closed && this.#watches.size > 0) {
      this.#timer = this.#runtime.timers.after(delayMs, () => this.#look());
    }
  }

  #look(): void {
    try {
      const { dataVersion } = this.#file;
      if (dataVersion !== this.#dataVersion || this.#machine.monotonicMs() >= this.#nextEndMs) {
        this.#compare();
        this.#dataVersion = dataVersion;
      }
      this.#failed = false;
    } catch (error) {
      this.#reportFailure(error);
    }
    this.#schedule(watchIntervalMs);
  }

  #compare(): void {
    const { revision, nextEndMs } = this.#file.read((store) => store.overview());
    if (revision !== this.#revision) {
      for (const watch of [...this.#watches]) {
        this.#tell(
          watch,
          this.#file.read((store) => store.trace(watch.prefix)),
        );
      }
    }
    this.#revision = revision;
    this.#nextEndMs = nextEndMs;
  }

  #tell(watch: LocalWatch, trace: string): void {
    if (trace === watch.trace) {
      return;
    }
    watch.trace = trace;
    try {
      watch.listener.changed();
    } catch (error) {
      this.#runtime.logger.error({ err: error, prefix: watch.prefix }, 'a watch of the coordinator failed');
    }
  }

  #reportFailure(error: unknown): void {
    if (!this.#failed && asQuorateError(error).code !== 'DATABASE_LOCKED') {
      this.#failed = true;
      this.#runtime.logger.warn({ err: error }, 'the coordinator of this machine cannot be watched; trying on');
    }
  }
}
