import type { ChildProcess } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { exitOf, startChild } from '../measuring/children.ts';
import {
  type AppliedMoment,
  nanosecondsPerSecond,
  type ReplicaReply,
  type ReplicaRequest,
} from './replica-messages.ts';

const entry = fileURLToPath(new URL('./replica-process.ts', import.meta.url));

type Reply<K extends ReplicaReply['kind']> = Extract<ReplicaReply, { readonly kind: K }>;

/** A replica in a process of its own that follows a primary over gRPC. */
export class Replica implements AsyncDisposable {
  readonly #child: ChildProcess;
  /** When it began to connect, by the clock that all processes share. */
  #connectedAtNs = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts an empty replica; resolves when records flow. */
  static async start(directory: string, port: number): Promise<Replica> {
    const child = startChild(process.execPath, [...process.execArgv, entry, directory, String(port)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    const replica = new Replica(child);
    replica.#connectedAtNs = (await replica.#answer('streaming')).connectedAtNs;
    return replica;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves when the replica shows the transaction, to the seconds since it began to connect. */
  async waitFor(txId: number): Promise<number> {
    const { atNs } = await this.#ask({ kind: 'wait', txId, timeoutMs: 300_000 }, 'reached');
    return (atNs - this.#connectedAtNs) / nanosecondsPerSecond;
  }

  /** Begins to note when transactions become visible. */
  observe(): void {
    this.#send({ kind: 'observe', on: true });
  }

  /** What was noted since `observe`, in order. */
  async endObservation(): Promise<readonly AppliedMoment[]> {
    return (await this.#ask({ kind: 'observe', on: false }, 'moments')).moments;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.disconnect();
    await exitOf(this.#child);
  }

  #send(request: ReplicaRequest): void {
    this.#child.send(request);
  }

  #ask<K extends ReplicaReply['kind']>(request: ReplicaRequest, kind: K): Promise<Reply<K>> {
    const answer = this.#answer(kind);
    this.#send(request);
    return answer;
  }

  #answer<K extends ReplicaReply['kind']>(kind: K): Promise<Reply<K>> {
    return new Promise((resolve, reject) => {
      const listener = (message: unknown) => {
        const reply = message as ReplicaReply;
        if (reply.kind === kind || reply.kind === 'failed') {
          this.#child.off('message', listener);
          if (reply.kind === 'failed') {
            reject(new Error(`the replica failed: ${reply.reason}`));
          } else {
            resolve(reply as Reply<K>);
          }
        }
      };
      this.#child.on('message', listener);
      this.#child.once('exit', () => reject(new Error('the replica process ended')));
    });
  }
}
