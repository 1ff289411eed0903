import { setTimeout as sleep } from 'node:timers/promises';

/** How long a condition may take to come true on a busy machine, in milliseconds. */
export const patienceMs = 30_000;

/** Waits until a condition holds. @param what it is, or what tells that when it was in vain */
export async function until(
  what: string | (() => string),
  condition: () => boolean | Promise<boolean>,
  limitMs = patienceMs,
): Promise<void> {
  for (const end = Date.now() + limitMs; !(await condition()); await sleep(10)) {
    if (Date.now() > end) {
      throw new Error(`this did not come true in time: ${typeof what === 'string' ? what : what()}`);
    }
  }
}
