import { type ChildProcess, spawn, spawnSync } from 'node:child_process';

/** How long a screen may take to show something on a busy machine. */
const patienceMs = 30_000;

/** Whether there is a program that gives others a terminal: `script` of util-linux. */
export const hasTerminals = spawnSync('script', ['--version']).stdout?.includes('util-linux') ?? false;

/** What a terminal is told besides text: ECMA-48 control sequences. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they begin with the control character ESC.
const controlSequence = /\u001b\[[0-9;?]*[A-Za-z]/g;

/** A program at a terminal of its own. */
export class Terminal {
  readonly #child: ChildProcess;
  #screen = '';
  #seen = 0;
  #changed = () => {};
  readonly ended: Promise<number | null>;

  constructor(command: readonly string[], { env, columns }: { env: NodeJS.ProcessEnv; columns: number }) {
    const line = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    const shell = `stty cols ${columns} rows 40; exec ${line}`;
    this.#child = spawn('script', ['-qec', shell, '/dev/null'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#screen += text.replaceAll(controlSequence, '').replaceAll('\r', '');
      this.#changed();
    });
    this.ended = new Promise((resolve) => {
      this.#child.once('close', (code) => {
        resolve(code);
        this.#changed();
      });
    });
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Waits until the screen shows something behind what was waited for before, and returns everything up to it. */
  async until(text: string): Promise<string> {
    const signal = AbortSignal.timeout(patienceMs);
    for (;;) {
      const at = this.#screen.indexOf(text, this.#seen);
      if (at >= 0) {
        const shown = this.#screen.slice(this.#seen, at + text.length);
        this.#seen = at + text.length;
        return shown;
      }
      if (signal.aborted || this.#child.exitCode !== null) {
        throw new Error(`${JSON.stringify(text)} was not shown: ${JSON.stringify(this.#screen.slice(this.#seen))}`);
      }
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
