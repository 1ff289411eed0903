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

  /** Resolves when the replica shows a position, to the seconds since it began to connect. */
  async waitFor(position: string): Promise<number> {
    const { atNs } = await this.#ask({ kind: 'wait', position }, 'reached');
    return (atNs - this.#connectedAtNs) / nanosecondsPerSecond;
  }

  /** Begins to note when transactions after `position` become visible. */
  observe(position: string): void {
    this.#child.send({ kind: 'observe', position } satisfies ReplicaRequest);
  }

  /** What was noted since `observe`, in order. */
  async endObservation(): Promise<readonly AppliedMoment[]> {
    return (await this.#ask({ kind: 'moments' }, 'moments')).moments;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.connected) {
      this.#child.disconnect();
    }
    await exitOf(this.#child);
  }

  #ask<K extends ReplicaReply['kind']>(request: ReplicaRequest, kind: K): Promise<Reply<K>> {
    const answer = this.#answer(kind);
    this.#child.send(request);
    return answer;
  }

  #answer<K extends ReplicaReply['kind']>(kind: K): Promise<Reply<K>> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply<K>>();
    const onMessage = (message: unknown) => {
      const reply = message as ReplicaReply;
      if (reply.kind === kind) {
        resolve(reply as Reply<K>);
      } else if (reply.kind === 'failed') {
        reject(new Error(`the replica failed: ${reply.reason}`));
      }
    };
    const onExit = () => reject(new Error('the replica process ended'));
    this.#child.on('message', onMessage).once('exit', onExit);
    return promise.finally(() => this.#child.off('message', onMessage).off('exit', onExit));
  }
}
