import { type ProcessEnd, ServerProcess, type ServerProcessOptions } from './server-process.ts';

/** How long a server may take to stop when it is asked. */
const stopGraceMs = 10_000;

/** Several server processes that live no longer than their owner. None is started again when it ends. */
export class ProcessGroup implements AsyncDisposable {
  readonly #members: ServerProcess[] = [];
  readonly #onEnd: (member: ServerProcess, end: ProcessEnd) => void;
  readonly #killAll = () => {
    for (const member of this.#running()) {
      member.kill('SIGKILL');
    }
  };
  #stopping = false;

  /** @param onEnd told about a member that ended although nobody asked it to */
  constructor(onEnd: (member: ServerProcess, end: ProcessEnd) => void) {
    this.#onEnd = onEnd;
    process.on('exit', this.#killAll);
  }

  get members(): readonly ServerProcess[] {
    return this.#members;
  }

  start(options: ServerProcessOptions): ServerProcess {
    const member = ServerProcess.start(options);
    this.#members.push(member);
    void member.ended.then((end) => this.#report(member, end));
    return member;
  }

  /** Stops all members, the last started first, so that replicas do not see their primary go. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    for (const member of this.#running().reverse()) {
      await member.stop(stopGraceMs);
    }
    process.off('exit', this.#killAll);
  }

  #running(): ServerProcess[] {
    return this.#members.filter((member) => member.end === undefined);
  }

  #report(member: ServerProcess, end: ProcessEnd): void {
    if (!this.#stopping) {
      this.#onEnd(member, end);
    }
  }
}
