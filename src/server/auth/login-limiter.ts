import { QuorateError } from '../../errors/interface.ts';
import type { Clock } from '../../runtime/interface.ts';

/** Failures that are free, and how long they count. */
const windowMs = 60_000;
const failuresPerUserAndAddress = 5;
const failuresPerAddress = 30;

/** Keys kept; beyond it the oldest are forgotten, so that an attacker cannot fill the memory. */
const maxKeys = 10_000;

interface Failures {
  count: number;
  sinceMs: number;
}

/**
 * Slows down the guessing of passwords, per address and per user at an address. It never counts by user alone: that
 * would let anybody lock the administrator out.
 */
export class LoginLimiter {
  readonly #clock: Clock;
  readonly #failures = new Map<string, Failures>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws QuorateError OVERLOADED, with `details.retryAfterMs`, when there were too many failures */
  check(user: string, address: string): void {
    for (const [key, limit] of limitsOf(user, address)) {
      const failures = this.#current(key);
      if (failures !== undefined && failures.count >= limit) {
        const retryAfterMs = Math.ceil(failures.sinceMs + windowMs - this.#clock.monotonicMs());
        throw new QuorateError('OVERLOADED', 'too many failed logins', {
          hint: `Try again in ${Math.ceil(retryAfterMs / 1_000)} seconds.`,
          details: { retryAfterMs },
        });
      }
    }
  }

  failed(user: string, address: string): void {
    for (const [key] of limitsOf(user, address)) {
      const failures = this.#current(key) ?? { count: 0, sinceMs: this.#clock.monotonicMs() };
      failures.count += 1;
      this.#failures.delete(key);
      this.#failures.set(key, failures);
    }
    for (const key of this.#failures.keys()) {
      if (this.#failures.size <= maxKeys) {
        break;
      }
      this.#failures.delete(key);
    }
  }

  succeeded(user: string, address: string): void {
    for (const [key] of limitsOf(user, address)) {
      this.#failures.delete(key);
    }
  }

  #current(key: string): Failures | undefined {
    const failures = this.#failures.get(key);
    return failures !== undefined && failures.sinceMs + windowMs > this.#clock.monotonicMs() ? failures : undefined;
  }
}

function limitsOf(user: string, address: string): [key: string, limit: number][] {
  return [
    [`${address}\n${user}`, failuresPerUserAndAddress],
    [address, failuresPerAddress],
  ];
}
