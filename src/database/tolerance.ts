import { QuorateError } from '../errors/interface.ts';
import { type Clock, type FileSystem, isoTime } from '../runtime/interface.ts';
import type { ToleratedRow } from '../sqlite/interface.ts';
import { SavedLines } from './saved-lines.ts';

/** How long a repair may say nothing before it is taken for dead, in milliseconds. */
const leaseMs = 60_000;

export interface ToleranceOptions {
  readonly files: FileSystem;
  readonly clock: Clock;
  /** Folder of the database. */
  readonly directory: string;
}

/**
 * The time in which a replica that has stopped at a wrong row is repaired. It then applies records although rows are not as
 * they were on the primary, so that it gets to a transaction at which it can be compared; each such row is recorded, in the
 * form of a repair. It ends well only with a comparison that finds nothing: all later records find what they start from.
 */
export class Tolerance {
  readonly #options: ToleranceOptions;
  #untilMs: number | undefined;
  #lines: SavedLines | undefined;

  constructor(options: ToleranceOptions) {
    this.#options = options;
  }

  get isOn(): boolean {
    return this.#untilMs !== undefined;
  }

  /** Begins it, or lets it go on; returns how long it may, in milliseconds, if nothing more is heard. */
  renew(): number {
    this.#untilMs = this.#options.clock.monotonicMs() + leaseMs;
    return leaseMs;
  }

  /** @throws QuorateError DIVERGED when the one who repairs has gone: what was tolerated may still be wrong */
  check(): void {
    if (this.#untilMs !== undefined && this.#options.clock.monotonicMs() >= this.#untilMs) {
      this.end(false);
    }
  }

  /** Records a row; `sync` makes the record durable. */
  note(txId: number, { table, key, before, after }: ToleratedRow): void {
    const { files, directory, clock } = this.#options;
    this.#lines ??= SavedLines.open(files, directory, `repaired-${txId}.jsonl`);
    this.#lines.add({ time: isoTime(clock.nowMs()), txId, table, key, before, after });
  }

  /** @throws QuorateError DISK_FULL, IO_ERROR */
  sync(): void {
    this.#lines?.sync();
  }

  /**
   * @param isEqual a comparison has found nothing that differs
   * @throws QuorateError DIVERGED when it has not, and rows were tolerated
   */
  end(isEqual: boolean): void {
    const lines = this.#lines;
    this.#lines = undefined;
    this.#untilMs = undefined;
    lines?.[Symbol.dispose]();
    if (!isEqual && lines !== undefined) {
      throw new QuorateError('DIVERGED', 'a repair was not finished: rows that differ from the upstream may be left', {
        hint: 'Repair again: quorate verify DATABASE --with UPSTREAM --repair; or copy it again: quorate database rejoin DATABASE',
        details: { file: lines.path },
      });
    }
  }
}
