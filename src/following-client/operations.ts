import { asQuorateError, type ErrorCode, QuorateError } from '../errors/interface.ts';
import { type Backoff, createBackoff, type Runtime } from '../runtime/interface.ts';
import type { Discovery } from './discovery.ts';
import type { NodeLink } from './node-link.ts';
import { readOrder } from './node-order.ts';
import type { ClientLimits, ReadPreference } from './types.ts';
import { AnswerLost } from './wire-error.ts';

export interface OperationsOptions {
  readonly discovery: Discovery;
  readonly limits: ClientLimits;
  readonly runtime: Runtime;
  readonly zone: string | undefined;
  /** Whether a token that is refused can be replaced. */
  readonly canLogIn: boolean;
}

/** One attempt at a node, which has so many milliseconds to answer. */
export type Attempt<T> = (link: NodeLink, timeoutMs: number) => Promise<T>;

export interface PrimaryOperation<T> {
  readonly attempt: Attempt<T>;
  /** Whether it takes effect once however often it is sent. */
  readonly isRepeatable: boolean;
  /**
   * After an attempt whose answer was lost, a later one was refused: finds out whether the lost one has taken effect, and makes
   * sure that it never will if it has not. undefined when it has not.
   */
  readonly settle?: Attempt<T | undefined>;
  readonly timeoutMs: number | undefined;
}

/** Nothing was begun, and another node, or this one later, may do it. */
const elsewhere: ReadonlySet<ErrorCode> = new Set([
  'READ_ONLY_REPLICA',
  'WRONG_ROLE',
  'LEASE_LOST',
  'STEPPED_DOWN',
  'STALE_TERM',
  'QUORUM_UNAVAILABLE',
  'COORDINATOR_UNAVAILABLE',
  'OVERLOADED',
  'UNAVAILABLE',
  'DATABASE_LOCKED',
  'DATABASE_UNLOADED',
  'DATABASE_NOT_FOUND',
  'TOO_STALE',
  'WAIT_TIMEOUT',
]);

/** Nobody knows whether it took effect. */
const unclear: ReadonlySet<ErrorCode> = new Set(['COMMIT_IN_DOUBT', 'CANCELLED']);

/** What has become of an operation so far. */
interface Progress {
  readonly untilMs: number;
  readonly timeoutMs: number;
  readonly backoff: Backoff;
  /** Of an attempt that may have taken effect. */
  doubt: QuorateError | undefined;
  /** What a later attempt was refused with, for good. */
  refusal: QuorateError | undefined;
  /** Of the last attempt. */
  last: QuorateError | undefined;
  hasLoggedIn: boolean;
}

/** Runs operations where they belong, again and again within their time limit as long as that is safe. */
export class Operations {
  readonly #options: OperationsOptions;
  readonly #closing = new AbortController();
  #running = 0;
  #turn = 0;
  #failedAttempts = 0;
  #doubts = 0;

  constructor(options: OperationsOptions) {
    this.#options = options;
  }

  get counts(): { readonly operations: number; readonly failedAttempts: number; readonly doubts: number } {
    return { operations: this.#running, failedAttempts: this.#failedAttempts, doubts: this.#doubts };
  }

  close(): void {
    this.#closing.abort();
  }

  /**
   * Runs something on the primary.
   * @throws QuorateError COMMIT_IN_DOUBT when nobody knows whether it took effect; OVERLOADED, CANCELLED, UNAVAILABLE …
   */
  onPrimary<T>(operation: PrimaryOperation<T>): Promise<T> {
    return this.#counted(async () => {
      const progress = this.#begin(operation.timeoutMs);
      for (;;) {
        const link = this.#options.discovery.primary();
        if (link === undefined) {
          progress.last = this.#noPrimary();
        } else {
          const done = await this.#tryOnPrimary(link, operation, progress);
          if (done !== undefined) {
            return done.value;
          }
        }
        await this.#pause(progress);
      }
    });
  }

  /**
   * Runs a read on one of the nodes that may answer it.
   * @throws QuorateError TOO_STALE, WAIT_TIMEOUT when no node shows what is wanted in time; SQL_ERROR, OVERLOADED …
   */
  onAny<T>(attempt: Attempt<T>, preference: ReadPreference, timeoutMs: number | undefined): Promise<T> {
    return this.#counted(async () => {
      const progress = this.#begin(timeoutMs);
      for (;;) {
        for (const link of this.#readLinks(preference)) {
          try {
            return await attempt(link, this.#attemptMs(progress));
          } catch (error) {
            this.#noteFailure(link, error, progress);
            this.#checkTime(progress);
          }
        }
        await this.#pause(progress);
      }
    });
  }

  #readLinks(preference: ReadPreference): NodeLink[] {
    const { discovery, zone } = this.#options;
    this.#turn += 1;
    const order = readOrder(discovery.candidates(), { preference, zone, turn: this.#turn });
    return order.map(({ link }) => link);
  }

  async #tryOnPrimary<T>(
    link: NodeLink,
    { attempt, settle, isRepeatable }: PrimaryOperation<T>,
    progress: Progress,
  ): Promise<{ readonly value: T } | undefined> {
    const isSettling = progress.refusal !== undefined && settle !== undefined;
    try {
      const timeoutMs = this.#attemptMs(progress);
      const value = isSettling ? await settle(link, timeoutMs) : await attempt(link, timeoutMs);
      if (value !== undefined) {
        return { value };
      }
    } catch (error) {
      this.#noteDoubt(error, progress, isRepeatable && !isSettling);
      this.#noteFailure(link, error, progress, settle !== undefined);
      return undefined;
    }
    throw progress.refusal;
  }

  /** @throws QuorateError COMMIT_IN_DOUBT when it may not be sent again */
  #noteDoubt(thrown: unknown, progress: Progress, isRepeatable: boolean): void {
    if (!isUnclear(thrown)) {
      return;
    }
    progress.doubt ??= reasonOf(thrown);
    this.#doubts += 1;
    if (!isRepeatable) {
      throw inDoubt(progress);
    }
  }

  /** @throws QuorateError what cannot be mended by another attempt */
  #noteFailure(link: NodeLink, thrown: unknown, progress: Progress, canSettle = false): void {
    const error = reasonOf(thrown);
    progress.last = error;
    this.#failedAttempts += 1;
    if (thrown instanceof AnswerLost || error.code === 'UNAVAILABLE') {
      link.failed();
    }
    if (isUnclear(thrown) || elsewhere.has(error.code)) {
      return;
    }
    if (error.code === 'UNAUTHENTICATED' && this.#options.canLogIn && !progress.hasLoggedIn) {
      progress.hasLoggedIn = true;
      link.noteRefusal(error);
      return;
    }
    if (progress.doubt === undefined || !canSettle) {
      throw error;
    }
    progress.refusal = error;
  }

  async #counted<T>(run: () => Promise<T>): Promise<T> {
    const { maxOperations } = this.#options.limits;
    if (this.#running >= maxOperations) {
      throw new QuorateError('OVERLOADED', `${maxOperations} operations of this client run or wait`, {
        hint: 'Send fewer at once, or raise maxOperations.',
        details: { limit: maxOperations },
      });
    }
    this.#running += 1;
    try {
      return await run();
    } finally {
      this.#running -= 1;
    }
  }

  #begin(timeoutMs = this.#options.limits.timeoutMs): Progress {
    const { limits, runtime } = this.#options;
    return {
      untilMs: runtime.clock.monotonicMs() + timeoutMs,
      timeoutMs,
      backoff: createBackoff(runtime.random, limits.backoffInitialMs, limits.backoffMaxMs),
      doubt: undefined,
      refusal: undefined,
      last: undefined,
      hasLoggedIn: false,
    };
  }

  #attemptMs(progress: Progress): number {
    return Math.min(this.#checkTime(progress), this.#options.limits.attemptTimeoutMs);
  }

  /** Milliseconds that are left. @throws QuorateError when there are none */
  #checkTime(progress: Progress): number {
    const { doubt, last, timeoutMs, untilMs } = progress;
    const leftMs = untilMs - this.#options.runtime.clock.monotonicMs();
    if (leftMs > 0 && !this.#closing.signal.aborted) {
      return leftMs;
    }
    if (doubt !== undefined) {
      throw inDoubt(progress);
    }
    if (this.#closing.signal.aborted) {
      throw new QuorateError('CANCELLED', 'the client was closed');
    }
    const { code, message, hint } = last ?? new QuorateError('UNAVAILABLE', 'no attempt could be made');
    throw new QuorateError(code, `${message}; given up after ${timeoutMs} ms`, { hint, cause: last });
  }

  /** Waits for the next attempt, or until something has changed; asks everybody meanwhile. */
  async #pause(progress: Progress): Promise<void> {
    const { discovery, runtime } = this.#options;
    const leftMs = this.#checkTime(progress);
    const changed = new AbortController();
    const unsubscribe = discovery.subscribe(() => changed.abort());
    const signal = AbortSignal.any([changed.signal, this.#closing.signal]);
    void discovery.refresh();
    await runtime.timers.sleep(Math.min(progress.backoff.nextDelayMs(), leftMs), signal).catch(() => {});
    unsubscribe();
    this.#checkTime(progress);
  }

  #noPrimary(): QuorateError {
    const { lastError } = this.#options.discovery;
    return new QuorateError('UNAVAILABLE', 'no node is known to be the primary', {
      hint: lastError === undefined ? undefined : `The last node that did not answer: ${lastError.message}`,
      cause: lastError,
    });
  }
}

function isUnclear(thrown: unknown): boolean {
  return thrown instanceof AnswerLost || unclear.has(asQuorateError(thrown).code);
}

function reasonOf(thrown: unknown): QuorateError {
  return thrown instanceof AnswerLost ? thrown.reason : asQuorateError(thrown);
}

function inDoubt({ doubt, timeoutMs }: Progress): QuorateError {
  return new QuorateError(
    'COMMIT_IN_DOUBT',
    `nobody could say within ${timeoutMs} ms whether it was committed: ${doubt?.message}`,
    { cause: doubt, hint: 'Send it again with the same key, or read the data before you write it again.' },
  );
}
