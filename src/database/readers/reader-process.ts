import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ReaderReply, ReaderRequest, ReaderTask } from './reader-messages.ts';

/** Heap of a reader in MiB: room for the largest result in the form of JavaScript values. */
const maxHeapMebibytes = 1_024;

/** What became of what a process was asked for. */
export type Outcome =
  | Extract<ReaderReply, { readonly kind: 'done' }>
  /** The process ended meanwhile. */
  | { readonly kind: 'ended'; readonly reason: string };

export interface ReaderProcessEvents {
  /** The process can take a query now: it has started, or finished one. */
  onIdle(): void;
  /** The process is gone. Called once, after the outcome of a query that it was running. */
  onExit(reason: string): void;
}

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
const entry = fileURLToPath(new URL(`./reader-main${extension}`, import.meta.url));

/** A child process that runs one read at a time and that can be killed while it does. */
export class ReaderProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #events: ReaderProcessEvents;
  #settle: ((outcome: Outcome) => void) | undefined;
  #ended = false;

  private constructor(child: ChildProcess, events: ReaderProcessEvents) {
    this.#child = child;
    this.#events = events;
    child.on('message', (message) => this.#receive(message as ReaderReply));
    this.#exited = new Promise((resolve) => {
      const end = (reason: string) => {
        if (!this.#ended) {
          this.#end(reason);
          resolve();
        }
      };
      child.on('exit', (code, signal) => end(signal ?? `exit code ${code}`));
      child.on('error', (error) => {
        // An error of the channel comes without an exit; one of the start has no process at all.
        child.kill('SIGKILL');
        if (child.pid === undefined) {
          end(error.message);
        }
      });
    });
  }

  static start(events: ReaderProcessEvents): ReaderProcess {
    const child = fork(entry, [], {
      serialization: 'advanced',
      execArgv: [`--max-old-space-size=${maxHeapMebibytes}`],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    return new ReaderProcess(child, events);
  }

  get processId(): number | undefined {
    return this.#child.pid;
  }

  /** Runs something; the process must be idle. */
  run(task: ReaderTask, settle: (outcome: Outcome) => void): void {
    this.#settle = settle;
    this.#send(task);
  }

  /** Closes the connection to a file, after the running query. */
  release(filePath: string): void {
    this.#send({ kind: 'release', filePath });
  }

  /** Lets a pinned snapshot go, after the running query. */
  unpin(snapshot: number): void {
    this.#send({ kind: 'unpin', snapshot });
  }

  /** Ends the process at once, whatever it does. The outcome of a running query is `ended`. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Resolves when the process is gone. */
  exited(): Promise<void> {
    return this.#exited;
  }

  #send(request: ReaderRequest): void {
    if (this.#child.connected) {
      // A channel that breaks ends the process, which is what settles the query.
      this.#child.send(request, () => {});
    }
  }

  #receive(reply: ReaderReply): void {
    if (reply.kind === 'done') {
      this.#finish(reply);
    }
    this.#events.onIdle();
  }

  #finish(outcome: Outcome): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(outcome);
  }

  #end(reason: string): void {
    this.#ended = true;
    this.#finish({ kind: 'ended', reason });
    this.#events.onExit(reason);
  }
}
