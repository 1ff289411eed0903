import { asQuorateError } from '../errors/interface.ts';
import type { Span, SpanStart, Tracing } from './types.ts';

let installed: Tracing | undefined;

/** What makes spans in this thread; undefined when nobody wants any. */
export function tracing(): Tracing | undefined {
  return installed;
}

/** Switches spans on in this thread, until they are switched off with the result. */
export function installTracing(implementation: Tracing): Disposable {
  installed = implementation;
  return {
    [Symbol.dispose]: () => {
      installed = undefined;
    },
  };
}

/** Runs an action in a span of its own, or as it is when there are no spans. `start` is called only when there are. */
export function inSpan<T>(start: () => SpanStart, action: (span?: Span) => Promise<T>): Promise<T> {
  return installed === undefined ? action() : runIn(installed.begin(start()), action);
}

async function runIn<T>(span: Span, action: (span: Span) => Promise<T>): Promise<T> {
  try {
    return await span.run(() => action(span));
  } catch (error) {
    span.fail(asQuorateError(error));
    throw error;
  } finally {
    span.end();
  }
}
