import process from 'node:process';
import type { Logger } from '../runtime/interface.ts';

/** Turns the warnings of Node itself into lines of the log, instead of text among them; until it is disposed of. */
export function logProcessWarnings(logger: Logger): Disposable {
  const printers = process.listeners('warning');
  const log = ({ name, message }: Error) => logger.warn({ warning: name }, message);
  process.removeAllListeners('warning');
  process.on('warning', log);
  return {
    [Symbol.dispose]: () => {
      process.off('warning', log);
      for (const printer of printers) {
        process.on('warning', printer);
      }
    },
  };
}
