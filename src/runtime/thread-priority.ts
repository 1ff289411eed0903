import os from 'node:os';
import process from 'node:process';

/** Added to the niceness of threads whose work nobody waits for: a tenth of a core where all are busy, all of one that is idle. */
const addedNiceness = 10;
const lowestPriority = 19;

/**
 * Lets the other threads of the machine go first. Only Linux has priorities of threads: elsewhere the call would be about
 * the whole process, so nothing happens. It cannot be taken back.
 * Source: setpriority(2), "C library/kernel differences".
 */
export function lowerThreadPriority(): void {
  if (process.platform === 'linux') {
    const ownThread = 0;
    os.setPriority(ownThread, Math.min(lowestPriority, os.getPriority(ownThread) + addedNiceness));
  }
}
