/** Where a display writes: `process.stdout`, or something like it in tests. */
export interface Terminal {
  readonly isTTY?: boolean | undefined;
  /** Undefined where there is no terminal. */
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

const controlSequence = '\u001b[';
const hideCursor = `${controlSequence}?25l`;
const showCursor = `${controlSequence}?25h`;
const clearToEnd = `${controlSequence}0J`;

const defaultColumns = 80;

/**
 * A block of lines at the bottom of the terminal that is drawn again in place, with ordinary lines above it. Without a
 * terminal there is no block: its lines are printed when the caller says so.
 */
export class LiveDisplay implements Disposable {
  readonly #terminal: Terminal;
  #block: readonly string[] = [];
  #cursorHidden = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  get isLive(): boolean {
    return this.#terminal.isTTY === true;
  }

  /** Columns that a line may have. One is left free: a full line makes some terminals wrap. */
  get width(): number {
    const columns = this.#terminal.columns ?? defaultColumns;
    return this.isLive ? Math.max(columns - 1, 1) : Math.max(columns, defaultColumns);
  }

  /** Prints lines that stay, above the block. */
  print(text: string): void {
    this.#terminal.write(`${this.#erase()}${text}\n${this.#draw()}`);
  }

  /** Replaces the block; without a terminal the lines are printed as they are. */
  show(lines: readonly string[]): void {
    if (!this.isLive) {
      this.#terminal.write(lines.map((line) => `${line}\n`).join(''));
      return;
    }
    const erase = this.#erase();
    this.#block = lines;
    this.#terminal.write(`${this.#cursorHidden ? '' : hideCursor}${erase}${this.#draw()}`);
    this.#cursorHidden = true;
  }

  /** Leaves the block as it is and gives the cursor back. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#cursorHidden) {
      this.#terminal.write(showCursor);
      this.#cursorHidden = false;
    }
    this.#block = [];
  }

  #draw(): string {
    return this.#block.map((line) => `${line}\n`).join('');
  }

  /** Moves to the first line of the block and clears it; a terminal made narrower has wrapped its lines. */
  #erase(): string {
    const columns = this.#terminal.columns ?? defaultColumns;
    const height = this.#block.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / columns)), 0);
    return height === 0 ? '' : `${controlSequence}${height}A\r${clearToEnd}`;
  }
}
