import type { ChildProcess } from 'node:child_process';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { exitOf, startChild } from '../measuring/children.ts';

const program = fileURLToPath(new URL('./constant-server.ts', import.meta.url));

/** A process that answers every request of Hrana with the same row. */
export class ConstantServer implements AsyncDisposable {
  /** `host:port` */
  readonly address: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, address: string) {
    this.#child = child;
    this.address = address;
  }

  static async start(): Promise<ConstantServer> {
    const child = startChild(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
      return new ConstantServer(child, `127.0.0.1:${(JSON.parse(line) as { port: number }).port}`);
    }
    throw new Error('the constant server did not start');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    await exitOf(this.#child);
  }
}
