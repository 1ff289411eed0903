import { existsSync, readFileSync } from 'node:fs';

/** Whether a process was stopped by a signal and stands still; where the kernel cannot be asked, it counts as one that does. Throws when it is gone. */
export function isStopped(processId: number): boolean {
  return !existsSync('/proc/self/stat') || /\) T /.test(readFileSync(`/proc/${processId}/stat`, 'utf8'));
}
