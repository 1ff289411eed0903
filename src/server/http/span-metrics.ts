import type { SpanExport } from '../../tracing/interface.ts';
import type { MetricsText } from './metrics.ts';

/** What became of spans, where there are any. */
export function spanMetrics(metrics: MetricsText, spans: SpanExport | undefined): void {
  if (spans === undefined) {
    return;
  }
  const { waiting, queueLimit, sent, droppedByLimit, droppedByFailure } = spans.counts();
  metrics.gauge('quorate_spans_queue', 'Spans that wait for the collector.', waiting);
  metrics.gauge('quorate_spans_queue_limit', 'Option tracing-queue-limit.', queueLimit);
  metrics.counter('quorate_spans_sent_total', 'Spans that the collector has taken.', sent);
  const dropped = 'Spans that were lost because too many waited, or because the collector did not take them.';
  metrics.counter('quorate_spans_dropped_total', dropped, droppedByLimit, { reason: 'limit' });
  metrics.counter('quorate_spans_dropped_total', dropped, droppedByFailure, { reason: 'collector' });
}
