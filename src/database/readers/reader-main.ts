/** Entry of a reader process; `ReaderProcess` starts it. */
import process from 'node:process';
import { Worker } from 'node:worker_threads';

const emitWarning = process.emitWarning;

/** node:sqlite calls itself experimental on some versions of Node; every other warning is still shown. */
process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
  const text = typeof warning === 'string' ? warning : warning.message;
  if (!text.startsWith('SQLite is an experimental feature')) {
    Reflect.apply(emitWarning, process, [warning, ...rest]);
  }
};

// A Ctrl-C reaches every process of a terminal; the node decides when its readers end.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
const watchdog = new Worker(new URL(`./reader-watchdog${extension}`, import.meta.url), {
  workerData: process.ppid,
  execArgv: [],
  resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 },
});
watchdog.unref();

const { serveReads } = await import('./reader-host.ts');
serveReads();
