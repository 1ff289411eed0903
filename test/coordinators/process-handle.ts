import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { CoordinatorSettings } from '../../src/cluster/interface.ts';
import { isStopped } from '../process-state.ts';
import { until } from '../until.ts';
import type { ProcessAnswer, ProcessRequest } from './coordinator-process.ts';

const program = fileURLToPath(new URL('./coordinator-process.ts', import.meta.url));

/** The parent's end of a `coordinator-process.ts`. */
export class CoordinatorProcess {
  readonly #child: ChildProcess;
  readonly #answers: ProcessAnswer[] = [];
  /** Keys under the watched prefix, as they were after each change that the process was told of. */
  readonly seen: (readonly string[])[] = [];

  constructor(t: Pick<TestContext, 'after'>, settings: CoordinatorSettings) {
    const flags = ['--conditions=quorate-source', program, JSON.stringify(settings)];
    this.#child = spawn(process.execPath, flags, { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const answer = JSON.parse(line) as ProcessAnswer;
      if (answer.kind === 'changed') {
        this.seen.push(answer.keys);
      } else {
        this.#answers.push(answer);
      }
    });
    t.after(() => this.kill());
  }

  /** Asks for something and waits for the answer: what it returned, or the code of its error. */
  async ask(request: ProcessRequest): Promise<unknown> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    await until(`an answer to ${request.kind}`, () => this.#answers.length > 0);
    const answer = this.#answers.shift();
    return answer?.kind === 'failed' ? answer.code : answer?.kind === 'done' ? answer.value : undefined;
  }

  get isStopped(): boolean {
    return isStopped(this.#child.pid as number);
  }

  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const closed = once(this.#child, 'close');
      this.#child.kill('SIGKILL');
      await closed;
    }
  }
}
