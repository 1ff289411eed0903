import { QuorateError } from '../../src/errors/interface.ts';
import type { Clock, FileSystem, Logger, Random, Runtime, Timers } from '../../src/runtime/interface.ts';
import type { Owner, SimulatedTime } from './simulated-time.ts';

const epochMs = 1_790_000_000_000;

/** One run of a process or of one of its threads, from its start to its end; it never comes back. */
export class Life implements Owner {
  alive = true;
  pausedUntilMs = 0;
}

function simulatedTimers(time: SimulatedTime, life: Life, clockRate: number): Timers {
  return {
    after: (delayMs, action) => time.after(delayMs / clockRate, life, action),
    sleep: (delayMs, signal) =>
      new Promise((resolve, reject) => {
        const stop = () => {
          event.cancel();
          reject(new QuorateError('CANCELLED', 'the wait was cancelled', { cause: signal?.reason }));
        };
        const event = time.after(delayMs / clockRate, life, () => {
          signal?.removeEventListener('abort', stop);
          resolve();
        });
        if (signal?.aborted) {
          stop();
        } else {
          signal?.addEventListener('abort', stop, { once: true });
        }
      }),
  };
}

export interface LifeOptions {
  readonly time: SimulatedTime;
  readonly life: Life;
  /** How fast its clock runs. */
  readonly clockRate: number;
  readonly random: Random;
  readonly files: FileSystem;
  readonly logger: Logger;
  /** How far the wall clock of this machine is off now, in milliseconds. */
  readonly clockErrorMs: () => number;
}

/** What a node is built on, with everything in it simulated. */
export function simulatedRuntime(options: LifeOptions): Runtime {
  const { time, life, clockRate, random, files, logger, clockErrorMs } = options;
  const clock: Clock = {
    nowMs: () => Math.floor(epochMs + time.nowMs + clockErrorMs()),
    monotonicMs: () => time.nowMs * clockRate,
  };
  return { clock, timers: simulatedTimers(time, life, clockRate), random, files, logger };
}

/** What a node logs while it lives, without what differs between two runs of a seed, such as paths. */
export function traceLogger(life: Life, write: (what: string) => void): Logger {
  const at = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) => {
    if (life.alive) {
      write(`${level}: ${message} ${String(fields['state'] ?? fields['code'] ?? '')}`);
    }
  };
  return { debug: () => {}, info: at('info'), warn: at('warn'), error: at('error') };
}
