import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { asQuorateError, QuorateError } from '../../errors/interface.ts';
import { runDotCommand } from './dot-commands.ts';
import { fileError } from './file-error.ts';
import type { ShellSession } from './shell-session.ts';
import { StatementBuffer } from './statement-buffer.ts';

/** How deep files may read files: one that reads itself would never end. */
const maxDepth = 8;

/** Runs lines of statements and commands: from a pipe, a file, an argument, or one by one as they are typed. */
export class ScriptRunner {
  readonly #session: ShellSession;
  readonly #depth: number;
  readonly #buffer = new StatementBuffer();
  #line = 0;
  #hasQuit = false;

  constructor(session: ShellSession, depth = 0) {
    this.#session = session;
    this.#depth = depth;
  }

  /** Whether `.quit` was among the lines. */
  get hasQuit(): boolean {
    return this.#hasQuit;
  }

  /** Whether a statement has begun and not ended. */
  get isInStatement(): boolean {
    return !this.#buffer.isEmpty;
  }

  /** Forgets a statement that was not ended. */
  clear(): void {
    this.#buffer.clear();
  }

  /** Takes a line and runs what it completes. @throws QuorateError the first error; the rest of the line is left out */
  async take(line: string, signal: AbortSignal): Promise<void> {
    this.#line += 1;
    if (this.#buffer.isEmpty && line.trimStart().startsWith('.')) {
      return await this.#runDot(line, signal);
    }
    const statements = this.#buffer.add(line, this.#line);
    for (const statement of statements) {
      await this.#session.run(statement, signal);
    }
  }

  /** Runs everything, also a last statement without a semicolon. @throws QuorateError the first error, with its line */
  async runAll(lines: AsyncIterable<string> | Iterable<string>, signal: AbortSignal): Promise<void> {
    let first = 1;
    try {
      for await (const line of lines) {
        first = this.#buffer.isEmpty ? this.#line + 1 : this.#buffer.firstLine;
        await this.take(line, signal);
        if (this.#hasQuit) {
          return;
        }
      }
      first = this.#buffer.isEmpty ? this.#line : this.#buffer.firstLine;
      for (const statement of this.#buffer.takeRest()) {
        await this.#session.run(statement, signal);
      }
    } catch (thrown) {
      throw atLine(asQuorateError(thrown), first);
    }
  }

  async #runDot(line: string, signal: AbortSignal): Promise<void> {
    await runDotCommand(line, {
      session: this.#session,
      signal,
      readFile: (file) => this.#runFile(file, signal),
      quit: () => {
        this.#hasQuit = true;
      },
    });
  }

  async #runFile(file: string, signal: AbortSignal): Promise<void> {
    if (this.#depth === maxDepth) {
      throw new QuorateError('INVALID_ARGUMENT', `files read files more than ${maxDepth} deep`, {
        hint: 'Look for a file that reads itself.',
      });
    }
    const runner = new ScriptRunner(this.#session, this.#depth + 1);
    try {
      await runner.runAll(linesOf(createReadStream(file)), signal);
    } catch (thrown) {
      const error = asQuorateError(thrown, 'IO_ERROR');
      throw new QuorateError(error.code, `${file}: ${error.message}`, {
        cause: error,
        hint: error.hint,
        details: error.details,
      });
    }
    this.#hasQuit = runner.hasQuit;
  }
}

/** The lines of a stream, no faster than they are taken. @throws QuorateError IO_ERROR */
export async function* linesOf(input: Readable): AsyncGenerator<string> {
  let failure: unknown;
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  // Depending on its version, Node tells of it here, at the lines, or both.
  for (const source of [input, lines]) {
    source.on('error', (error) => {
      failure ??= error;
      lines.close();
    });
  }
  yield* lines;
  if (failure !== undefined) {
    throw fileError(failure);
  }
}

function atLine(error: QuorateError, line: number): QuorateError {
  const { code, message, hint, details } = error;
  return new QuorateError(code, `line ${line}: ${message}`, { cause: error, hint, details });
}
