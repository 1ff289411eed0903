// Loading this file ties the life of this process to the one that started it, if that one gave it a lifeline: the end of
// a pipe, which closes when the other process is gone, even when it was killed and could tell nobody.
import { Socket } from 'node:net';

/** Names the file descriptor of the pipe. */
export const lifelineVariable = 'QUORATE_LAUNCHER_LIFELINE';

/** How long this process may take to stop by itself. */
const graceMs = 10_000;

function watchLifeline(descriptor) {
  const lifeline = new Socket({ fd: descriptor, readable: true, writable: false });
  lifeline.on('error', () => {});
  lifeline.on('close', () => {
    process.kill(process.pid, 'SIGTERM');
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), graceMs).unref();
  });
  lifeline.resume();
  lifeline.unref();
}

const descriptor = process.env[lifelineVariable];
// What this process starts has another lifeline, or none.
delete process.env[lifelineVariable];
if (descriptor !== undefined) {
  watchLifeline(Number(descriptor));
}
