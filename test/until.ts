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

/** Looks until what is found is enough; what was found then. */
export async function eventually<T>(look: () => Promise<T>, isEnough: (found: T) => boolean): Promise<T> {
  let found: T | undefined;
  const isFound = async () => {
    found = await look();
    return isEnough(found);
  };
  await until(() => `what was looked for; found was ${JSON.stringify(found)}`, isFound);
  return found as T;
}
