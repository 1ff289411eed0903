import type { Database } from '../../database/interface.ts';
import type { Labels, MetricsText } from './metrics.ts';

/** What one database has counted since it was opened. */
export function countMetrics(metrics: MetricsText, { gauges }: Pick<Database, 'gauges'>, labels: Labels): void {
  const { keysTaken, keysRepeated, tracesNotTold, tracesNotFollowed } = gauges.counts();
  const keys = 'Writes that took an idempotency key, which is remembered for a day.';
  metrics.counter('quorate_idempotency_keys_total', keys, keysTaken, labels);
  const repeats = 'Writes that were answered with the earlier one that had taken their key.';
  metrics.counter('quorate_idempotency_repeats_total', repeats, keysRepeated, labels);
  const name = 'quorate_replica_traces_dropped_total';
  const traces = 'Traced transactions whose part on a replica is in no trace, since there were too many at once.';
  metrics.counter(name, traces, tracesNotTold, { ...labels, reason: 'message' });
  metrics.counter(name, traces, tracesNotFollowed, { ...labels, reason: 'apply' });
}
