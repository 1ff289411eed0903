import type { ReadableSpan, Span, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace';
import type { SpanCounts } from './types.ts';

type ExportDone = Parameters<SpanExporter['export']>[1];

/** `ExportResultCode.SUCCESS` of the exporter. */
const success = 0;

/** Bounds and counts the spans between those who make them and the collector, on their way included. */
export class SpanQueue {
  readonly #limit: number;
  /** Called when sending fails after it worked, and when it works again. */
  readonly #onChange: (error: Error | undefined) => void;
  #waiting = 0;
  #sent = 0;
  #droppedByLimit = 0;
  #droppedByFailure = 0;
  #isFailing = false;

  constructor(limit: number, onChange: (error: Error | undefined) => void) {
    this.#limit = limit;
    this.#onChange = onChange;
  }

  counts(): SpanCounts {
    return {
      waiting: this.#waiting,
      queueLimit: this.#limit,
      sent: this.#sent,
      droppedByLimit: this.#droppedByLimit,
      droppedByFailure: this.#droppedByFailure,
    };
  }

  /** The entry of the queue. */
  bounded(processor: SpanProcessor): SpanProcessor {
    return {
      onStart: (span: Span, parent) => processor.onStart(span, parent),
      onEnd: (span) => {
        if (this.#waiting >= this.#limit) {
          this.#droppedByLimit += 1;
        } else {
          this.#waiting += 1;
          processor.onEnd(span);
        }
      },
      forceFlush: () => processor.forceFlush(),
      shutdown: () => processor.shutdown(),
    };
  }

  /** The end of the queue. */
  counted(exporter: SpanExporter): SpanExporter {
    return {
      export: (spans: ReadableSpan[], done: ExportDone) =>
        exporter.export(spans, (result) => {
          this.#leave(spans.length, result.code === success ? undefined : (result.error ?? new Error('refused')));
          done(result);
        }),
      shutdown: () => exporter.shutdown(),
    };
  }

  #leave(count: number, error: Error | undefined): void {
    this.#waiting -= count;
    if (error === undefined) {
      this.#sent += count;
    } else {
      this.#droppedByFailure += count;
    }
    if (this.#isFailing !== (error !== undefined)) {
      this.#isFailing = error !== undefined;
      this.#onChange(error);
    }
  }
}
