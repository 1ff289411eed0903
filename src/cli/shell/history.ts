import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { QuorateError } from '../../errors/interface.ts';

/** Only the user may read what was typed. */
const fileMode = 0o600;

/** Lines longer than this, in characters, are not kept. */
const maxLineLength = 64 * 1024;

/** The lines that were typed, in a file to which several shells may add at once. */
export class ShellHistory {
  readonly #file: string;
  readonly maxLines: number;
  /** The oldest first. */
  readonly lines: readonly string[];
  #last: string | undefined;

  /** @param maxLines 0 keeps nothing. @throws QuorateError IO_ERROR when the file cannot be read or written */
  constructor(file: string, maxLines: number) {
    this.#file = file;
    this.maxLines = maxLines;
    this.lines = maxLines === 0 ? [] : this.#access(() => this.#load());
    this.#last = this.lines.at(-1);
  }

  add(line: string): void {
    if (this.maxLines === 0 || line.trim() === '' || line === this.#last || line.length > maxLineLength) {
      return;
    }
    this.#last = line;
    this.#access(() => appendFileSync(this.#file, `${line}\n`, { mode: fileMode }));
  }

  /** Reads the file, and makes it as short as it should be: it grows while shells run. */
  #load(): string[] {
    mkdirSync(path.dirname(this.#file), { recursive: true, mode: 0o700 });
    if (!existsSync(this.#file)) {
      return [];
    }
    chmodSync(this.#file, fileMode);
    const all = readFileSync(this.#file, 'utf8').split('\n').slice(0, -1);
    const kept = all.slice(-this.maxLines);
    if (kept.length < all.length) {
      const next = `${this.#file}.${process.pid}`;
      writeFileSync(next, kept.map((line) => `${line}\n`).join(''), { mode: fileMode });
      renameSync(next, this.#file);
    }
    return kept;
  }

  #access<T>(action: () => T): T {
    try {
      return action();
    } catch (cause) {
      throw new QuorateError('IO_ERROR', `the history cannot be kept in ${this.#file}: ${(cause as Error).message}`, {
        cause,
        hint: 'Name another file with --history-file, or keep none with --history-lines 0.',
      });
    }
  }
}

/** Where the history is kept unless an option says otherwise: with the state of the user's other programs. */
export function defaultHistoryFile(env: Readonly<Record<string, string | undefined>>): string {
  const folder = env['XDG_STATE_HOME'] || path.join(os.homedir(), '.local', 'state');
  return path.join(folder, 'quorate', 'shell-history');
}
