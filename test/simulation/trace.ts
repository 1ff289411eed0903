import { createHash } from 'node:crypto';

const keptLines = 400;

/** What happened, in order, without the folder of the run. Two runs of one seed have the same digest. */
export class Trace {
  readonly #hash = createHash('sha256');
  readonly #lines: string[] = [];
  readonly #nowMs: () => number;
  readonly #directory: string;
  readonly #onLine: ((line: string) => void) | undefined;

  constructor(nowMs: () => number, directory: string, onLine?: (line: string) => void) {
    this.#nowMs = nowMs;
    this.#directory = directory;
    this.#onLine = onLine;
  }

  add(who: string, what: string): void {
    const line = `${this.#nowMs().toFixed(3)} ${who} ${what.replaceAll(this.#directory, '')}`;
    this.#hash.update(`${line}\n`);
    this.#lines.push(line);
    this.#onLine?.(line);
    if (this.#lines.length > keptLines * 2) {
      this.#lines.splice(0, keptLines);
    }
  }

  /** The newest lines, oldest first. */
  tail(count: number): string[] {
    return this.#lines.slice(-count);
  }

  /** SHA-256 over all lines, in hex. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }
}
