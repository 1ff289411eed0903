import type { Database } from '../../database/interface.ts';
import type { Labels, MetricsText } from './metrics.ts';

/** What the writer of one database measures of itself. */
export function timingMetrics(metrics: MetricsText, timings: Database['gauges']['timings'], labels: Labels): void {
  const write = 'From the arrival of a transaction at the writer to its answer.';
  metrics.histogram('quorate_write_seconds', write, timings.read('write'), labels);
  metrics.histogram('quorate_fsync_seconds', 'One fsync of the log.', timings.read('fsync'), labels);
  const group = 'Transactions committed with one fsync.';
  metrics.histogram('quorate_group_transactions', group, timings.read('groupSize'), labels);
  const acks = 'How long a group waits for acknowledgements after its own fsync.';
  metrics.histogram('quorate_ack_wait_seconds', acks, timings.read('ackWait'), labels);
  const apply = 'One SQLite transaction of a replica that applies what was received.';
  metrics.histogram('quorate_apply_seconds', apply, timings.read('apply'), labels);
}
