import type { MessagePort } from 'node:worker_threads';
import type { WriterAttachment } from '../database/interface.ts';
import type { Liveness } from './liveness.ts';

type WriterPort = WriterAttachment['port'];

/**
 * The application's end of the channel to a writer thread. It counts what waits for an answer: while something does, the
 * process stays alive, and whoever closes the channel can wait until nothing does.
 */
export class CountingWriterPort implements WriterPort {
  readonly #port: MessagePort;
  readonly #liveness: Liveness;
  readonly #onDrained: (() => void)[] = [];
  #waiting = 0;

  constructor(port: MessagePort, liveness: Liveness) {
    this.#port = port;
    this.#liveness = liveness;
    port.on('close', () => this.#answered(this.#waiting));
  }

  /** Every message is a list of requests, and each of them gets exactly one answer. */
  post(message: unknown): void {
    const count = (message as readonly unknown[]).length;
    this.#waiting += count;
    this.#liveness.hold(count);
    this.#port.postMessage(message);
  }

  onMessage(listener: (message: unknown) => void): void {
    this.#port.on('message', (message: readonly unknown[]) => {
      this.#answered(message.length);
      listener(message);
    });
    // Listening alone must not keep a process alive that waits for nothing.
    this.#port.unref();
  }

  onClose(listener: () => void): void {
    this.#port.on('close', listener);
  }

  /** Resolves when nothing waits for an answer. */
  async drained(): Promise<void> {
    if (this.#waiting > 0) {
      await new Promise<void>((resolve) => {
        this.#onDrained.push(resolve);
      });
    }
  }

  close(): void {
    this.#port.close();
  }

  #answered(count: number): void {
    this.#waiting -= count;
    this.#liveness.release(count);
    if (this.#waiting === 0) {
      for (const resolve of this.#onDrained.splice(0)) {
        resolve();
      }
    }
  }
}
