/**
 * Runs on a second thread of a reader process and ends that process when its node is gone. The main thread cannot see
 * that while it is inside a long SQLite statement, and nobody else is left to kill it.
 */
import process from 'node:process';
import { workerData } from 'node:worker_threads';

const checkIntervalMs = 1_000;

const nodeProcessId = workerData as number;
const never = new Int32Array(new SharedArrayBuffer(4));

for (;;) {
  Atomics.wait(never, 0, 0, checkIntervalMs);
  if (process.ppid !== nodeProcessId) {
    process.kill(process.pid, 'SIGKILL');
  }
}
