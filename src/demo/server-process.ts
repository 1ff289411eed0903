import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** Names the pipe to this process for bin/lifeline.mjs. */
const lifelineVariable = 'QUORATE_LAUNCHER_LIFELINE';

const program = fileURLToPath(new URL('../../bin/quorate', import.meta.url));

/** Lines of the log kept in memory, to be shown when the process ends unexpectedly. */
const rememberedLines = 20;

export interface ServerProcessOptions {
  /** Name of the node; begins each line of its log. */
  readonly name: string;
  /** Arguments of `quorate`. */
  readonly argumentList: readonly string[];
  /** Added to the environment: the place for secrets, which other users must not see. */
  readonly env?: Readonly<Record<string, string>>;
  /** File that its log is appended to. */
  readonly logFile: string;
  /** What runs instead of `bin/quorate`; for tests. */
  readonly program?: string;
}

/** Both are null when the process could not be started. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * A `quorate` in a process of its own, with its log in a file. It stops when this process ends in whatever way: the
 * launcher watches a pipe that closes then.
 */
export class ServerProcess {
  readonly name: string;
  readonly logFile: string;
  /** Resolves when the process has ended and its log is written; never rejects. */
  readonly ended: Promise<ProcessEnd>;
  readonly #child: ChildProcess;
  readonly #lastLines: string[] = [];
  readonly #lineListeners = new Set<(line: string) => void>();
  #end: ProcessEnd | undefined;

  private constructor(child: ChildProcess, options: ServerProcessOptions) {
    this.name = options.name;
    this.logFile = options.logFile;
    this.#child = child;
    this.ended = this.#follow(createWriteStream(options.logFile, { flags: 'a', mode: 0o600 }));
  }

  static start(options: ServerProcessOptions): ServerProcess {
    const child = spawn(process.execPath, [options.program ?? program, ...options.argumentList], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      // Ctrl-C in a terminal goes to this process alone, which then stops its servers in order.
      detached: true,
      env: { ...inheritedEnvironment(), ...options.env, [lifelineVariable]: '3' },
    });
    return new ServerProcess(child, options);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** How it ended, or undefined while it runs. */
  get end(): ProcessEnd | undefined {
    return this.#end;
  }

  /** The last lines of its log. */
  get lastLines(): readonly string[] {
    return this.#lastLines;
  }

  /** Whether such a line came, or had come among the last ones; false when the process ended without it. */
  waitForLine(matches: (line: string) => boolean): Promise<boolean> {
    if (this.#lastLines.some(matches)) {
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const finish = (found: boolean) => {
        this.#lineListeners.delete(listener);
        resolve(found);
      };
      const listener = (line: string) => {
        if (matches(line)) {
          finish(true);
        }
      };
      this.#lineListeners.add(listener);
      void this.ended.then(() => finish(false));
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks it to stop, and ends it when it has not done so in time. */
  async stop(graceMs: number): Promise<ProcessEnd> {
    this.kill('SIGTERM');
    const timer = setTimeout(() => this.kill('SIGKILL'), graceMs);
    try {
      return await this.ended;
    } finally {
      clearTimeout(timer);
    }
  }

  async #follow(log: WriteStream): Promise<ProcessEnd> {
    const streams = [this.#child.stdout, this.#child.stderr].filter((stream) => stream !== null);
    const copied = streams.map((stream) => this.#copyLines(stream, log));
    const [end] = await Promise.all([this.#exit(), ...copied]);
    await new Promise((resolve) => log.end(resolve));
    this.#end = end;
    return end;
  }

  #exit(): Promise<ProcessEnd> {
    return new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#lastLines.push(`cannot start ${this.#child.spawnfile}: ${error.message}`);
        resolve({ code: null, signal: null });
      });
      this.#child.once('exit', (code, signal) => resolve({ code, signal }));
    });
  }

  async #copyLines(stream: Readable, log: WriteStream): Promise<void> {
    for await (const line of createInterface({ input: stream })) {
      this.#lastLines.push(line);
      this.#lastLines.splice(0, this.#lastLines.length - rememberedLines);
      log.write(`${this.name} | ${line}\n`);
      for (const listener of this.#lineListeners) {
        listener(line);
      }
    }
  }
}

/** Without the variables of Quorate: one that is meant for other servers would win over the config file of this one. */
function inheritedEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('QUORATE_')));
}
