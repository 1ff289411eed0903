import { type DatabaseFailure, failureOf } from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import type { Runtime, Timer } from '../../runtime/interface.ts';
import type { ManagedDatabase } from './managed-database.ts';

/** How often the writers are looked at, in milliseconds. */
const intervalMs = 250;

export interface WriterWatchOptions {
  readonly runtime: Runtime;
  readonly databases: () => Iterable<ManagedDatabase>;
  /** Milliseconds at one thing after which a writer counts as stalled; 0 for never. */
  readonly timeoutMs: number;
}

/** Notices writers that have been at one statement or fsync for too long, and that they are back. */
export class WriterWatch implements Disposable {
  readonly #options: WriterWatchOptions;
  readonly #stalled = new Map<string, DatabaseFailure>();
  readonly #counts = new Map<string, number>();
  #timer: Timer | undefined;

  constructor(options: WriterWatchOptions) {
    this.#options = options;
    this.#lookLater();
  }

  /** Names of the databases whose writers are stalled now. */
  get stalled(): readonly string[] {
    return [...this.#stalled.keys()];
  }

  /** What the status of a database says while its writer is stalled. */
  failureOf(database: string): DatabaseFailure | undefined {
    return this.#stalled.get(database);
  }

  /** How often the writer of a database was stalled since the node started. */
  count(database: string): number {
    return this.#counts.get(database) ?? 0;
  }

  #lookLater(): void {
    this.#timer = this.#options.runtime.timers.after(intervalMs, () => {
      this.#look();
      this.#lookLater();
    });
  }

  #look(): void {
    const { databases, timeoutMs } = this.#options;
    const gone = new Set(this.#stalled.keys());
    for (const { name, opened } of databases()) {
      const silentMs = opened?.writerSilentMs() ?? 0;
      if (timeoutMs > 0 && silentMs >= timeoutMs) {
        gone.delete(name);
        this.#begin(name, silentMs);
      }
    }
    for (const name of gone) {
      this.#stalled.delete(name);
      this.#options.runtime.logger.warn({ database: name }, 'the writer is back');
    }
  }

  #begin(database: string, silentMs: number): void {
    if (this.#stalled.has(database)) {
      return;
    }
    const { clock, logger } = this.#options.runtime;
    const message = `the writer has been at one statement or fsync for ${Math.round(silentMs)} ms`;
    const error = new QuorateError('WRITER_STALLED', message, {
      hint: 'It cannot be interrupted. Reads go on; if it does not come back, start the server again.',
    });
    this.#stalled.set(database, failureOf(error, clock.nowMs()));
    this.#counts.set(database, this.count(database) + 1);
    logger.error({ database, code: error.code, silentMs: Math.round(silentMs) }, message);
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }
}
