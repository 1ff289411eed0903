/** Sends spans to a collector. Loaded only where one is named. */
import * as otel from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Runtime } from '../runtime/interface.ts';
import { ApiTracing } from './api-tracing.ts';
import { SpanQueue } from './span-queue.ts';
import { installTracing } from './tracing.ts';
import type { SpanAttributes, SpanCounts } from './types.ts';

/** Spans in one request to the collector at most. */
const maxBatchSpans = 512;

export interface SpanExportOptions {
  /** Where `/v1/traces` is. */
  readonly endpoint: string;
  /** What all spans say of this node. */
  readonly resource: SpanAttributes;
  /** From 0 to 1. */
  readonly sampleRatio: number;
  readonly queueLimit: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** The tracer of this process, and the way of its spans to the collector. */
export class SpanExport implements AsyncDisposable {
  readonly #queue: SpanQueue;
  readonly #provider: TracerProvider;
  readonly #timeoutMs: number;
  readonly #runtime: Pick<Runtime, 'timers' | 'logger'>;
  readonly #installed: Disposable;

  constructor(options: SpanExportOptions, runtime: Pick<Runtime, 'timers' | 'logger'>) {
    const { endpoint, resource, sampleRatio, queueLimit, intervalMs, timeoutMs } = options;
    this.#runtime = runtime;
    this.#timeoutMs = timeoutMs;
    this.#queue = new SpanQueue(queueLimit, (error) => this.#changed(new URL(endpoint).host, error));
    const exporter = new OTLPTraceExporter({
      url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
      timeoutMillis: timeoutMs,
    });
    const batches = new BatchSpanProcessor({
      exporter: this.#queue.counted(exporter),
      maxQueueSize: queueLimit,
      maxExportBatchSize: Math.min(maxBatchSpans, queueLimit),
      scheduledDelayMillis: intervalMs,
      exportTimeoutMillis: timeoutMs,
    });
    this.#provider = new TracerProvider({
      resource: defaultResource().merge(resourceFromAttributes({ ...resource })),
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampleRatio) }),
      spanProcessors: [this.#queue.bounded(batches)],
    });
    otel.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    otel.trace.setGlobalTracerProvider(this.#provider);
    this.#installed = installTracing(new ApiTracing());
  }

  counts(): SpanCounts {
    return this.#queue.counts();
  }

  /** Once, not for every batch. */
  #changed(collector: string, error: Error | undefined): void {
    if (error === undefined) {
      this.#runtime.logger.info({ collector }, 'the collector takes spans again');
    } else {
      this.#runtime.logger.warn(
        { collector, error: error.message },
        'spans are dropped: the collector does not take them',
      );
    }
  }

  /** Sends what waits, within the time limit of one request. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#installed[Symbol.dispose]();
    const stop = new AbortController();
    const sent = this.#provider.shutdown().finally(() => stop.abort());
    await Promise.allSettled([Promise.race([sent, this.#runtime.timers.sleep(this.#timeoutMs, stop.signal)])]);
    otel.trace.disable();
    otel.context.disable();
  }
}
