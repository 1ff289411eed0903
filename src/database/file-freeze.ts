import { asQuorateError, QuorateError } from '../errors/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import { FrozenFile } from '../sqlite/interface.ts';
import type { Call, WriterRole } from './writer-role.ts';

/** How long the moment is waited for in which the file can be frozen, and how often it is looked for, in milliseconds. */
const patienceMs = 1000;
const retryMs = 10;

export interface FileFreezeOptions {
  readonly runtime: Runtime;
  /** The SQLite file. */
  readonly file: () => string;
  readonly role: () => WriterRole | undefined;
  /** Makes the writer call `step` soon. */
  readonly wake: () => void;
}

interface Wish {
  readonly call: Call;
  readonly untilMs: number;
  /** The last attempt was a moment ago: it may have cost a checkpoint that led nowhere. */
  rests: boolean;
}

/**
 * Keeps the SQLite file of a database as it is while a snapshot is read from it. That begins between two commits, with a
 * checkpoint; commits then stay in the WAL until the end. Somebody who reads what was there long ago can prevent it.
 */
export class FileFreeze {
  readonly #options: FileFreezeOptions;
  #frozen: FrozenFile | undefined;
  #isHeld = false;
  #wish: Wish | undefined;

  constructor(options: FileFreezeOptions) {
    this.#options = options;
  }

  get isFrozen(): boolean {
    return this.#frozen !== undefined;
  }

  accept(kind: 'freeze' | 'thaw' | 'checkpoint-again', call: Call): void {
    switch (kind) {
      case 'freeze':
        return this.#freezeSoon(call);
      case 'thaw':
        this.#thaw();
        return call.succeed(undefined);
      case 'checkpoint-again':
        this.#hold(false);
        return call.succeed(undefined);
    }
  }

  #freezeSoon(call: Call): void {
    if (this.#frozen !== undefined || this.#wish !== undefined) {
      throw new QuorateError('OVERLOADED', 'the file of this database is frozen already');
    }
    const nowMs = this.#options.runtime.clock.monotonicMs();
    this.#wish = { call, untilMs: nowMs + patienceMs, rests: false };
    this.#options.wake();
  }

  /** To be called between commits. */
  step(): void {
    const wish = this.#wish;
    if (wish === undefined || wish.rests) {
      return;
    }
    try {
      if (this.#tryFreeze()) {
        this.#wish = undefined;
        wish.call.succeed(this.#frozen?.position);
      } else if (this.#options.runtime.clock.monotonicMs() >= wish.untilMs) {
        this.#wish = undefined;
        wish.call.succeed(null);
      } else {
        this.#retryLater(wish);
      }
    } catch (error) {
      this.#wish = undefined;
      wish.call.fail(asQuorateError(error));
    }
  }

  #retryLater(wish: Wish): void {
    wish.rests = true;
    this.#options.runtime.timers.after(retryMs, () => {
      wish.rests = false;
      this.#options.wake();
    });
  }

  #tryFreeze(): boolean {
    const role = this.#options.role();
    if (role?.checkpoint() === undefined) {
      return false;
    }
    this.#frozen = FrozenFile.open(this.#options.file());
    this.#hold(true);
    return true;
  }

  /** A commit would look through the whole WAL in vain for what it may move into the file. */
  #hold(held: boolean): void {
    this.#isHeld = held;
    this.#options.role()?.holdCheckpoints(held);
  }

  /** A role opens a connection of its own. */
  roleChanged(): void {
    if (this.#isHeld) {
      this.#hold(true);
    }
  }

  #thaw(): void {
    this.#frozen?.[Symbol.dispose]();
    this.#frozen = undefined;
  }

  close(): void {
    this.#wish?.call.fail(new QuorateError('CANCELLED', 'the database is being closed'));
    this.#wish = undefined;
    this.#thaw();
    this.#isHeld = false;
  }
}
