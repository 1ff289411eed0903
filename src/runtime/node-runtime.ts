import { randomBytes } from 'node:crypto';
import { hrtime } from 'node:process';
import { QuorateError } from '../errors/interface.ts';
import { type Logger, nullLogger } from './logger.ts';
import { nodeFileSystem } from './node-file-system.ts';
import type { Clock, Random, Runtime, Timers } from './types.ts';

/** `performance.now()` counts from the start of its thread; this is one clock for all of them. */
function monotonicMs(): number {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

const clock: Clock = { nowMs: () => Date.now(), monotonicMs };

const timers: Timers = {
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  sleep(delayMs, signal) {
    return new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        reject(new QuorateError('CANCELLED', 'the wait was cancelled', { cause: signal?.reason }));
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop);
        resolve();
      }, delayMs);
      if (signal?.aborted) {
        stop();
      } else {
        signal?.addEventListener('abort', stop, { once: true });
      }
    });
  },
};

const random: Random = { next: () => Math.random(), bytes: (size) => randomBytes(size) };

/** The real clock, timers, random numbers and files of this process. */
export function createNodeRuntime(logger: Logger = nullLogger): Runtime {
  return { clock, timers, random, files: nodeFileSystem, logger };
}
