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
import { LocalFile } from './local-file.ts';
import { LocalGenerations } from './local-generations.ts';
import type { LocalStore } from './local-store.ts';
import { LocalWatches } from './local-watches.ts';

/** Milliseconds between two attempts to get the lock of the file, which is mostly held for less than one. */
const lockRetryMs = 2;

/** Milliseconds after which a lock counts as one that nobody gives back: the nodes go on in another file. */
const takeOverMs = 1_000;

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
  readonly #file: LocalFile;
  readonly #runtime: Runtime;
  readonly #timeoutMs: number;
  readonly #watches: LocalWatches;
  readonly #calls = new PendingCalls();
  readonly #closing = new AbortController();

  private constructor(
    file: LocalFile,
    runtime: Runtime,
    { timeoutMs, machine = thisMachine }: LocalCoordinatorOptions,
  ) {
    this.#file = file;
    this.#runtime = runtime;
    this.#timeoutMs = timeoutMs;
    this.#watches = new LocalWatches(file, runtime, machine);
  }

  /** @throws QuorateError INVALID_ARGUMENT for a folder that machines may share; FORMAT_VERSION, COORDINATOR_UNAVAILABLE */
  static async open(options: LocalCoordinatorOptions, runtime: Runtime): Promise<LocalCoordinator> {
    const directory = path.resolve(options.directory);
    const { machine = thisMachine, timeoutMs } = options;
    const generations = () => LocalGenerations.open({ directory, machine, ...runtime });
    const file = await whenUnlocked({
      ...{ runtime, timeoutMs },
      action: () => LocalFile.open(generations(), runtime, machine),
      seen: () => '',
      takeOver: () => generations().takeOver(generations().current()),
    });
    return new LocalCoordinator(file, runtime, options);
  }

  async get(key: string): Promise<CoordinatorEntry | undefined> {
    checkKey(key);
    return this.#read((store) => store.get(key));
  }

  async list(prefix: string): Promise<CoordinatorView> {
    const view = await this.#read((store) => store.list(prefix));
    checkView(prefix, view.entries);
    return view;
  }

  async commit(
    conditions: readonly CoordinatorCondition[],
    changes: readonly CoordinatorChange[],
  ): Promise<CommitAnswer> {
    checkCommit(conditions, changes);
    return this.#change((store) => store.commit(conditions, changes));
  }

  async openLease(ttlMs: number): Promise<CoordinatorLease> {
    checkLeaseTtl(ttlMs);
    const id = Buffer.from(this.#runtime.random.bytes(8)).toString('hex');
    await this.#change((store) => store.openLease(id, ttlMs));
    return {
      id,
      ttlMs,
      renew: () => this.#read((store) => store.renewLease(id)),
      revoke: () => this.#change((store) => store.revokeLease(id)),
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
    this.#file[Symbol.dispose]();
  }

  /** What does no harm when it is done twice. */
  #read<Result>(action: (store: LocalStore) => Result): Promise<Result> {
    return this.#call(() => this.#file.read(action));
  }

  /** What this process itself must be told of. */
  async #change<Result>(action: (store: LocalStore) => Result): Promise<Result> {
    const result = await this.#call(() => this.#file.change(action));
    this.#watches.lookSoon();
    return result;
  }

  #call<Result>(action: () => Result): Promise<Result> {
    const call = {
      ...{ runtime: this.#runtime, timeoutMs: this.#timeoutMs, signal: this.#closing.signal, action },
      seen: () => this.#file.dataVersion,
      takeOver: () => this.#file.takeOver(),
    };
    return this.#calls.run(() => whenUnlocked(call));
  }
}

interface LockedCall<Result> {
  readonly runtime: Runtime;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly action: () => Result;
  /** Differs when other processes get on. */
  readonly seen: () => string;
  /** Called when the lock is held and nobody gets on. */
  readonly takeOver: () => void;
}

/** Tries again while other processes hold the lock, without blocking this one, and does without a holder that stands still. */
async function whenUnlocked<Result>(call: LockedCall<Result>): Promise<Result> {
  const { clock, timers } = call.runtime;
  const endMs = clock.monotonicMs() + call.timeoutMs;
  const patienceMs = Math.min(takeOverMs, call.timeoutMs / 2);
  let seen: string | undefined;
  let seenAtMs = 0;
  const standsStill = () => {
    const now = call.seen();
    if (now !== seen) {
      seen = now;
      seenAtMs = clock.monotonicMs();
    }
    return clock.monotonicMs() - seenAtMs > patienceMs;
  };
  for (let wasLocked = false; ; wasLocked = true) {
    try {
      if (wasLocked && standsStill()) {
        call.takeOver();
      }
      return call.action();
    } catch (thrown) {
      const error = asQuorateError(thrown);
      if (error.code !== 'DATABASE_LOCKED' || clock.monotonicMs() >= endMs) {
        throw unavailable(error, call.timeoutMs);
      }
    }
    await timers.sleep(lockRetryMs, call.signal);
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
