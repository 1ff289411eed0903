import process from 'node:process';

/**
 * Aborts at the first SIGINT, SIGTERM or SIGHUP; a second one ends the process in the usual way.
 * @param takesHangup is asked at SIGHUP, and says whether it means something else
 */
export function stopSignal(takesHangup = () => false): { readonly signal: AbortSignal } & Disposable {
  const abort = new AbortController();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const release = () => {
    for (const name of signals) {
      process.off(name, stop);
    }
  };
  const stop = (name: NodeJS.Signals) => {
    if (name !== 'SIGHUP' || !takesHangup()) {
      release();
      abort.abort();
    }
  };
  for (const name of signals) {
    process.on(name, stop);
  }
  return { signal: abort.signal, [Symbol.dispose]: release };
}
