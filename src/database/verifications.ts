import { asQuorateError, QuorateError } from '../errors/interface.ts';
import type { Runtime, Timer } from '../runtime/interface.ts';
import { SnapshotThread } from './snapshot-thread.ts';
import type { DatabaseFailure } from './types.ts';
import type { SnapshotCall, SnapshotCalls } from './verification-messages.ts';
import type { WriterClient } from './writer-client.ts';

/** Snapshots of one database that may be pinned at once: each keeps SQLite from shortening its WAL. */
export const maxVerifications = 8;

/** How long the marker may take to arrive, in milliseconds. */
const pinTimeoutMs = 30_000;

/** How long nobody may ask anything of a pinned snapshot, in milliseconds. */
const idleTimeoutMs = 60_000;

/** How long a snapshot may stay pinned, in milliseconds. */
const totalTimeoutMs = 60 * 60_000;

export interface VerificationsOptions {
  readonly runtime: Runtime;
  readonly name: string;
  readonly file: () => string;
  readonly client: () => WriterClient;
  /** Why the database cannot go on, so that no marker will ever arrive. */
  readonly failure: () => DatabaseFailure | undefined;
}

interface Verification {
  readonly thread: SnapshotThread;
  readonly pinned: PromiseWithResolvers<void>;
  pinTimer: Timer;
  idleTimer: Timer;
  readonly totalTimer: Timer;
}

/**
 * Snapshots of one database that are pinned at markers, to be compared with those of another node. A marker is a record of
 * the log, so snapshots that are pinned at the same marker are at exactly the same transaction. Markers are known by
 * their id in hexadecimal.
 */
export class Verifications implements AsyncDisposable {
  readonly #options: VerificationsOptions;
  readonly #running = new Map<string, Verification>();
  #starting = 0;
  #closed = false;

  constructor(options: VerificationsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#running.size + this.#starting;
  }

  /** From here on this database pins a snapshot when the marker arrives. @throws QuorateError OVERLOADED */
  async prepare(marker: string): Promise<void> {
    if (this.#running.has(marker)) {
      throw new QuorateError('INVALID_ARGUMENT', `${this.#options.name} is being compared with itself`, {
        hint: 'Name another node, or another database.',
      });
    }
    if (this.size >= maxVerifications) {
      throw new QuorateError('OVERLOADED', `${maxVerifications} verifications of ${this.#options.name} run already`, {
        hint: 'Wait until they have ended.',
      });
    }
    this.#starting += 1;
    try {
      const thread = await SnapshotThread.start({ file: this.#options.file() });
      if (this.#running.has(marker) || this.#closed) {
        await thread[Symbol.asyncDispose]();
        throw new QuorateError('CANCELLED', `${this.#options.name} is being closed, or compared with itself`);
      }
      this.#running.set(marker, this.#verification(marker, thread));
    } finally {
      this.#starting -= 1;
    }
    await this.#options.client().request((id) => ['await-marker', id, marker]);
  }

  #verification(marker: string, thread: SnapshotThread): Verification {
    const pinned = Promise.withResolvers<void>();
    // Whoever asks something later learns of a failure; until then nobody may be waiting.
    pinned.promise.catch(() => {});
    return {
      thread,
      pinned,
      pinTimer: this.#after(pinTimeoutMs, () => pinned.reject(this.#notArrived())),
      idleTimer: this.#after(pinTimeoutMs + idleTimeoutMs, () => this.#expire(marker, 'nobody asked anything')),
      totalTimer: this.#after(totalTimeoutMs, () => this.#expire(marker, 'it took too long')),
    };
  }

  #after(delayMs: number, action: () => void): Timer {
    return this.#options.runtime.timers.after(delayMs, action);
  }

  #notArrived(): QuorateError {
    return new QuorateError(
      'WAIT_TIMEOUT',
      `the marker did not reach ${this.#options.name} within ${pinTimeoutMs} ms`,
      {
        hint: 'See the status: the replica lags, does not follow, or an import or an open transaction holds the writer.',
      },
    );
  }

  #expire(marker: string, reason: string): void {
    const { runtime, name } = this.#options;
    runtime.logger.warn({ database: name, reason }, 'a verification was ended');
    this.end(marker).catch((error: unknown) => {
      runtime.logger.warn({ database: name, error: String(error) }, 'a verification was not ended cleanly');
    });
  }

  /** The writer stands still at a marker: pins its snapshot and lets the writer go on. */
  reached(marker: string, txId: number): void {
    const verification = this.#running.get(marker);
    const pin = verification === undefined ? Promise.resolve() : this.#pin(verification, txId);
    const release = () => this.#release(marker);
    pin.then(release, (error: unknown) => {
      verification?.pinned.reject(asQuorateError(error));
      release();
    });
  }

  #release(marker: string): void {
    // When the writer is gone nothing stands still.
    this.#options
      .client()
      .request((id) => ['release-marker', id, marker])
      .catch(() => {});
  }

  async #pin(verification: Verification, txId: number): Promise<void> {
    const pinnedTxId = await verification.thread.pin();
    verification.pinTimer.cancel();
    if (pinnedTxId !== txId) {
      throw new QuorateError('WAIT_TIMEOUT', `the snapshot is at transaction ${pinnedTxId}, the marker at ${txId}`, {
        hint: 'This machine is too busy; verify again.',
      });
    }
    verification.pinned.resolve();
  }

  /** Pins the snapshot at once, without waiting for the marker; the transaction that it ends with. */
  async pin(marker: string): Promise<number> {
    const verification = this.#require(marker);
    verification.pinTimer.cancel();
    const txId = await verification.thread.pin();
    verification.pinned.resolve();
    return txId;
  }

  /** Asks the snapshot that is pinned at a marker, waiting for it. @throws QuorateError INVALID_ARGUMENT, WAIT_TIMEOUT … */
  async ask<K extends SnapshotCall>(
    marker: string,
    call: K,
    request: SnapshotCalls[K]['request'],
  ): Promise<SnapshotCalls[K]['answer']> {
    const verification = this.#require(marker);
    this.#refuseFailed();
    await verification.pinned.promise;
    verification.idleTimer.cancel();
    try {
      return await verification.thread.ask(call, request);
    } finally {
      verification.idleTimer.cancel();
      verification.idleTimer = this.#after(idleTimeoutMs, () => this.#expire(marker, 'nobody asked anything'));
    }
  }

  #require(marker: string): Verification {
    const verification = this.#running.get(marker);
    if (verification === undefined) {
      throw new QuorateError('INVALID_ARGUMENT', `${this.#options.name} has no snapshot at this marker`, {
        hint: 'The verification has ended or took too long; begin it again.',
      });
    }
    return verification;
  }

  #refuseFailed(): void {
    const failure = this.#options.failure();
    if (failure !== undefined) {
      throw new QuorateError('DIVERGED', `${this.#options.name} cannot go on: ${failure.message}`, {
        hint: failure.hint,
        details: { code: failure.code },
      });
    }
  }

  /** Whoever waits for a marker need not wait any longer when the database cannot go on. */
  checkFailure(): void {
    try {
      this.#refuseFailed();
    } catch (error) {
      for (const { pinned } of this.#running.values()) {
        pinned.reject(error);
      }
    }
  }

  /** Writes the marker into the log of a primary; its transaction. @throws QuorateError WRONG_ROLE … */
  write(marker: string): Promise<number> {
    const bytes = Uint8Array.from(Buffer.from(marker, 'hex'));
    return this.#options.client().request((id) => ['write-marker', id, bytes]);
  }

  /** Lets go of a snapshot; nothing happens when there is none. */
  async end(marker: string): Promise<void> {
    const verification = this.#running.get(marker);
    this.#running.delete(marker);
    if (verification !== undefined) {
      for (const timer of [verification.pinTimer, verification.idleTimer, verification.totalTimer]) {
        timer.cancel();
      }
      verification.pinned.reject(new QuorateError('CANCELLED', 'the verification was ended'));
      this.#release(marker);
      await verification.thread[Symbol.asyncDispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#running.keys()].map((marker) => this.end(marker)));
  }
}
