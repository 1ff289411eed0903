import { QuorateError } from '../../errors/interface.ts';
import type { Clock } from '../../runtime/interface.ts';

/** Failures that are free, and how long they count. */
const windowMs = 60_000;
const failuresPerUserAndAddress = 5;
const failuresPerAddress = 30;
/** From all addresses together, for addresses from which the user has not logged in lately. */
const failuresPerUser = 60;

/** How long an address from which somebody has logged in is spared the limit that counts all addresses. */
const familiarMs = 24 * 60 * 60 * 1000;

/** Keys kept of each kind; beyond it the oldest are forgotten, so that an attacker cannot fill the memory. */
export const maxLimiterKeys = 10_000;

/** Characters of a user name that count; no user has a longer one. */
const maxNameLength = 64;

interface Failures {
  count: number;
  sinceMs: number;
}

/**
 * Slows down the guessing of passwords, per address, per user at an address, and per user. Counting by user alone would let
 * anybody lock the administrator out, so that this limit spares the addresses from which the user has logged in before.
 */
export class LoginLimiter {
  readonly #clock: Clock;
  readonly #failures = new Map<string, Failures>();
  /** When a user has last logged in from an address. */
  readonly #familiar = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Keys that are kept of the kind that has the most. */
  get size(): number {
    return Math.max(this.#failures.size, this.#familiar.size);
  }

  /** @throws QuorateError OVERLOADED, with `details.retryAfterMs`, when there were too many failures */
  check(user: string, address: string): void {
    for (const [key, limit] of this.#limitsOf(user, address)) {
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
    for (const [key] of this.#limitsOf(user, address)) {
      const failures = this.#current(key) ?? { count: 0, sinceMs: this.#clock.monotonicMs() };
      failures.count += 1;
      putLast(this.#failures, key, failures);
    }
  }

  succeeded(user: string, address: string): void {
    const { both, place } = keysOf(user, address);
    this.#failures.delete(both);
    this.#failures.delete(place);
    putLast(this.#familiar, both, this.#clock.monotonicMs());
  }

  #current(key: string): Failures | undefined {
    const failures = this.#failures.get(key);
    return failures !== undefined && failures.sinceMs + windowMs > this.#clock.monotonicMs() ? failures : undefined;
  }

  #limitsOf(user: string, address: string): [key: string, limit: number][] {
    const { both, place, name } = keysOf(user, address);
    const familiarAtMs = this.#familiar.get(both);
    const isFamiliar = familiarAtMs !== undefined && familiarAtMs + familiarMs > this.#clock.monotonicMs();
    return [
      [both, failuresPerUserAndAddress],
      [place, failuresPerAddress],
      ...(isFamiliar ? [] : [[name, failuresPerUser] satisfies [string, number]]),
    ];
  }
}

function keysOf(user: string, address: string): { both: string; place: string; name: string } {
  const place = networkOf(address);
  const name = user.slice(0, maxNameLength);
  return { both: `both\n${place}\n${name}`, place: `place\n${place}`, name: `name\n${name}` };
}

/** One who has IPv6 has a whole /64 of addresses, which counts as one. */
function networkOf(address: string): string {
  const bare = address.replace(/^\[|\]$/g, '').replace(/^::ffff:(?=\d+\.)/i, '');
  if (!bare.includes(':')) {
    return bare;
  }
  const [head = ''] = bare.split('::');
  return head.split(':').slice(0, 4).join(':');
}

function putLast<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= maxLimiterKeys) {
      break;
    }
    map.delete(oldest);
  }
}
