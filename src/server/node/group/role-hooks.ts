import { spawn } from 'node:child_process';
import process from 'node:process';
import { isoTime, type Logger, type Runtime } from '../../../runtime/interface.ts';

/** That a database of this node became primary or replica, or that its group has another primary. */
export interface RoleEvent {
  readonly database: string;
  /** Of this node; `none` while nobody is known to be primary. */
  readonly role: 'primary' | 'replica' | 'none';
  readonly term: number;
  /** Name of the member that is primary; empty while there is none. */
  readonly primary: string;
}

export interface RoleHooksOptions {
  /** Run by the shell, with what happened in variables; nothing when absent. */
  readonly command: string | undefined;
  /** Gets what happened as JSON; nothing when absent. */
  readonly webhook: string | undefined;
  readonly nodeName: string;
  readonly runtime: Runtime;
}

/** Events that wait while a hook runs; the oldest are dropped, and counted. */
const maxWaiting = 100;
/** Milliseconds after which a hook is given up. */
const limitMs = 10_000;

/** Tells programs of people about changes of the primary: one event after the other, so that the last is told last. */
export class RoleHooks {
  readonly #options: RoleHooksOptions;
  readonly #waiting: { readonly event: RoleEvent; readonly at: string }[] = [];
  #isRunning = false;
  #dropped = 0;
  #failed = 0;

  constructor(options: RoleHooksOptions) {
    this.#options = options;
  }

  /** Events that wait, that were dropped because too many did, and hooks that failed. */
  counts(): { readonly waiting: number; readonly limit: number; readonly dropped: number; readonly failed: number } {
    return { waiting: this.#waiting.length, limit: maxWaiting, dropped: this.#dropped, failed: this.#failed };
  }

  tell(event: RoleEvent): void {
    const { command, webhook, runtime } = this.#options;
    if (command === undefined && webhook === undefined) {
      return;
    }
    this.#waiting.push({ event, at: isoTime(runtime.clock.nowMs()) });
    if (this.#waiting.length > maxWaiting) {
      this.#waiting.shift();
      this.#dropped += 1;
    }
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#isRunning) {
      return;
    }
    this.#isRunning = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const { event, at } = next;
      await Promise.all([
        this.#attempt('command', () => this.#runCommand(event, at)),
        this.#attempt('webhook', () => this.#post(event, at)),
      ]);
    }
    this.#isRunning = false;
  }

  async #attempt(hook: string, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.#failed += 1;
      const logger: Logger = this.#options.runtime.logger;
      logger.warn({ hook, error: (error as Error).message }, 'a hook for changes of the primary failed');
    }
  }

  #runCommand({ database, role, term, primary }: RoleEvent, at: string): Promise<void> {
    const { command, nodeName } = this.#options;
    if (command === undefined) {
      return Promise.resolve();
    }
    const variables = {
      QUORATE_EVENT: 'role-change',
      QUORATE_DATABASE: database,
      QUORATE_ROLE: role,
      QUORATE_TERM: String(term),
      QUORATE_PRIMARY: primary,
      QUORATE_NODE: nodeName,
      QUORATE_TIME: at,
    };
    return new Promise((resolve, reject) => {
      const child = spawn(command, {
        shell: true,
        stdio: 'ignore',
        env: { ...ownEnvironment(), ...variables },
        timeout: limitMs,
      });
      child.once('error', reject);
      child.once('close', (code, signal) =>
        code === 0 ? resolve() : reject(new Error(`the command ended with ${signal ?? code}`)),
      );
    });
  }

  async #post(event: RoleEvent, at: string): Promise<void> {
    const { webhook, nodeName } = this.#options;
    if (webhook === undefined) {
      return;
    }
    const body = JSON.stringify({ event: 'role-change', ...event, node: nodeName, at });
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(webhook, { method: 'POST', headers, body, signal: AbortSignal.timeout(limitMs) });
    await response.body?.cancel();
    if (!response.ok) {
      throw new Error(`${webhook} answered ${response.status}`);
    }
  }
}

/** Without the options of this server, among which are secrets. */
function ownEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('QUORATE_')));
}
