import path from 'node:path';
import { asQuorateError, type ErrorCode, QuorateError } from '../errors/interface.ts';
import { type Machine, type Runtime, machine as thisMachine } from '../runtime/interface.ts';
import type {
  CommitAnswer,
  Coordinator,
  CoordinatorChange,
  CoordinatorCondition,
  CoordinatorEntry,
  CoordinatorLease,
  CoordinatorListener,
  CoordinatorView,
} from './coordinator.ts';
import { checkCommit, checkKey, checkLeaseTtl, checkView, PendingCalls } from './coordinator-limits.ts';
import { LocalStore } from './local-store.ts';
import { LocalWatches } from './local-watches.ts';

/** Milliseconds between two attempts to get the lock of the file, which is mostly held for less than one. */
const lockRetryMs = 2;

/** What stands for the caller's own mistake or for the state of a lease; everything else says that the file cannot be used. */
const passedOn: ReadonlySet<ErrorCode> = new Set([
  'INVALID_ARGUMENT',
  'MESSAGE_TOO_LARGE',
  'RESULT_TOO_LARGE',
  'OVERLOADED',
  'LEASE_LOST',
  'CANCELLED',
  'FORMAT_VERSION',
  'COORDINATOR_UNAVAILABLE',
]);

export interface LocalCoordinatorOptions {
  /** Shared by the nodes of this machine; created when absent. */
  readonly directory: string;
  /** How long a call may wait for the lock of the file. */
  readonly timeoutMs: number;
  /** Default: the machine that this process runs on. */
  readonly machine?: Machine;
}

/** The coordinator of nodes on one machine: a SQLite file in a folder that they share. `docs/coordinators.md` tells more. */
export class LocalCoordinator implements Coordinator {
  readonly #store: LocalStore;
  readonly #runtime: Runtime;
  readonly #timeoutMs: number;
  readonly #watches: LocalWatches;
  readonly #calls = new PendingCalls();
  readonly #closing = new AbortController();

  private constructor(
    store: LocalStore,
    runtime: Runtime,
    { timeoutMs, machine = thisMachine }: LocalCoordinatorOptions,
  ) {
    this.#store = store;
    this.#runtime = runtime;
    this.#timeoutMs = timeoutMs;
    this.#watches = new LocalWatches(store, runtime, machine);
  }

  /** @throws QuorateError INVALID_ARGUMENT for a folder that machines may share; FORMAT_VERSION, COORDINATOR_UNAVAILABLE */
  static async open(options: LocalCoordinatorOptions, runtime: Runtime): Promise<LocalCoordinator> {
    const directory = path.resolve(options.directory);
    const { machine = thisMachine, timeoutMs } = options;
    const open = () => LocalStore.open(directory, runtime, machine);
    const store = await whenUnlocked(runtime, timeoutMs, open);
    return new LocalCoordinator(store, runtime, options);
  }

  async get(key: string): Promise<CoordinatorEntry | undefined> {
    checkKey(key);
    return this.#call(() => this.#store.get(key));
  }

  async list(prefix: string): Promise<CoordinatorView> {
    const view = await this.#call(() => this.#store.list(prefix));
    checkView(prefix, view.entries);
    return view;
  }

  async commit(
    conditions: readonly CoordinatorCondition[],
    changes: readonly CoordinatorChange[],
  ): Promise<CommitAnswer> {
    checkCommit(conditions, changes);
    return this.#change(() => this.#store.commit(conditions, changes));
  }

  async openLease(ttlMs: number): Promise<CoordinatorLease> {
    checkLeaseTtl(ttlMs);
    const id = Buffer.from(this.#runtime.random.bytes(8)).toString('hex');
    await this.#change(() => this.#store.openLease(id, ttlMs));
    return {
      id,
      ttlMs,
      renew: () => this.#call(() => this.#store.renewLease(id)),
      revoke: () => this.#change(() => this.#store.revokeLease(id)),
    };
  }

  watch(prefix: string, listener: CoordinatorListener): Disposable {
    return this.#watches.add(prefix, listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#calls.closed) {
      return;
    }
    this.#calls.close();
    this.#closing.abort();
    this.#watches[Symbol.dispose]();
    this.#store[Symbol.dispose]();
  }

  /** A call that this process itself must be told of. */
  async #change<Result>(action: () => Result): Promise<Result> {
    const result = await this.#call(action);
    this.#watches.lookSoon();
    return result;
  }

  #call<Result>(action: () => Result): Promise<Result> {
    return this.#calls.run(() => whenUnlocked(this.#runtime, this.#timeoutMs, action, this.#closing.signal));
  }
}

/** Tries again while other processes hold the lock, without blocking this one. */
async function whenUnlocked<Result>(
  { clock, timers }: Runtime,
  timeoutMs: number,
  action: () => Result,
  signal?: AbortSignal,
): Promise<Result> {
  const endMs = clock.monotonicMs() + timeoutMs;
  for (;;) {
    try {
      return action();
    } catch (thrown) {
      const error = asQuorateError(thrown);
      if (error.code !== 'DATABASE_LOCKED' || clock.monotonicMs() >= endMs) {
        throw unavailable(error, timeoutMs);
      }
    }
    await timers.sleep(lockRetryMs, signal);
  }
}

function unavailable(error: QuorateError, timeoutMs: number): QuorateError {
  if (passedOn.has(error.code)) {
    return error;
  }
  const isLocked = error.code === 'DATABASE_LOCKED';
  const what = isLocked ? `another process has held its file for ${timeoutMs} ms` : error.message;
  return new QuorateError('COORDINATOR_UNAVAILABLE', `the coordinator of this machine cannot be used: ${what}`, {
    cause: error,
    hint: isLocked
      ? 'A node that was stopped in the middle of a change holds it: continue or kill that process.'
      : error.hint,
  });
}
