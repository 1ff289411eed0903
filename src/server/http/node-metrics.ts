import type {
  AttachedReplica,
  DatabaseStatus,
  ReplicatorStatus,
  ScrubStatus,
  StorageStatus,
} from '../../proto/interface.ts';
import { countMetrics } from './count-metrics.ts';
import { groupMetrics } from './group-metrics.ts';
import type { HttpContext } from './http-context.ts';
import { limitMetrics } from './limit-metrics.ts';
import { type Labels, MetricsText } from './metrics.ts';
import { processMetrics } from './process-metrics.ts';
import { spanMetrics } from './span-metrics.ts';
import { timingMetrics } from './timing-metrics.ts';
import { databaseUsage, hranaUsage, readerUsage, securityUsage } from './usage-metrics.ts';

const millisecondsPerSecond = 1_000;

/** Everything that Prometheus is told of a node; each bounded queue comes with its limit. */
export function renderNodeMetrics(context: HttpContext): string {
  const metrics = new MetricsText();
  nodeMetrics(metrics, context);
  processMetrics(metrics, context);
  limitMetrics(metrics, context);
  securityMetrics(metrics, context);
  securityUsage(metrics, context);
  readerMetrics(metrics, context);
  readerUsage(metrics, context);
  hranaUsage(metrics, context);
  spanMetrics(metrics, context.spans);
  groupMetrics(metrics, context.node.options.limits.maxGroups, context.node.groups?.report());
  grpcMetrics(metrics, context);
  for (const database of context.node.status().databases) {
    databaseMetrics(metrics, database);
    writerMetrics(metrics, context, database.database);
    databaseUsage(metrics, context.node, context.node.databases.get(database.database));
  }
  return metrics.render();
}

function nodeMetrics(metrics: MetricsText, { node, errors }: HttpContext): void {
  const { nodeId, nodeName, version, uptimeMs, databases, following, certificate } = node.status();
  metrics.gauge('quorate_info', 'Identity and version of the node.', 1, {
    node_id: nodeId,
    node_name: nodeName,
    version,
  });
  metrics.gauge('quorate_ready', 'Whether every database is open or known to have failed.', Number(node.isReady));
  metrics.gauge('quorate_uptime_seconds', 'Time since the start.', uptimeMs / millisecondsPerSecond);
  if (following !== undefined) {
    const { upstream, state, leftAlone } = following;
    metrics.gauge('quorate_server_following_state', 'Following of a whole server; always 1.', 1, { upstream, state });
    metrics.gauge('quorate_server_left_alone', 'Databases of it that are not followed.', leftAlone.length, {
      upstream,
    });
  }
  if (certificate !== undefined) {
    const { expiresAtMs, lastError } = certificate;
    metrics.gauge(
      'quorate_tls_certificate_expiry_seconds',
      'End of the certificate, since 1970.',
      expiresAtMs / millisecondsPerSecond,
    );
    metrics.gauge(
      'quorate_tls_reload_failed',
      'Whether replaced files cannot be used.',
      Number(lastError !== undefined),
    );
  }
  metrics.gauge('quorate_databases', 'Databases on the node.', databases.length);
  metrics.gauge('quorate_databases_limit', 'Option max-databases.', node.options.limits.maxDatabases);
  for (const [code, count] of errors) {
    metrics.counter('quorate_errors_total', 'Errors answered, by code.', count, { code });
  }
}

function securityMetrics(metrics: MetricsText, { node }: HttpContext): void {
  const help = 'Entries of the audit log that could not be written.';
  metrics.counter('quorate_audit_failures_total', help, node.security.audit.failures);
}

function readerMetrics(metrics: MetricsText, { node }: HttpContext): void {
  const status = node.readers.status();
  metrics.histogram('quorate_read_seconds', 'From the arrival of a query to its answer.', status.timings);
  metrics.counter('quorate_reader_queries_total', 'Queries answered by readers.', status.answered);
  metrics.counter('quorate_reader_timeouts_total', 'Queries stopped at their time limit.', status.timeouts);
  metrics.counter('quorate_reader_crashes_total', 'Reader processes that ended by themselves.', status.crashes);
}

function grpcMetrics(metrics: MetricsText, { node, grpc }: HttpContext): void {
  const { connections, refusedConnections, calls } = grpc.usage;
  const { grpcMaxConnections } = node.options.limits;
  metrics.gauge('quorate_grpc_connections', 'Connections to the gRPC port.', connections);
  metrics.gauge('quorate_grpc_connections_limit', 'Option grpc-max-connections.', grpcMaxConnections);
  const refused = 'Connections to the gRPC port over the limit.';
  metrics.counter('quorate_grpc_connections_refused_total', refused, refusedConnections);
  metrics.gauge('quorate_grpc_calls', 'Calls of gRPC that run, streams among them.', calls);
}

function databaseMetrics(metrics: MetricsText, status: DatabaseStatus): void {
  const { database, role, state } = status;
  metrics.gauge('quorate_database_state', 'State and role of a database; always 1.', 1, { database, role, state });
  if (state !== 'open') {
    return;
  }
  const labels = { database };
  metrics.gauge('quorate_tip_tx_id', 'Last transaction in the log.', status.tipTxId, labels);
  metrics.gauge('quorate_durable_tx_id', 'Last transaction fsynced.', status.durableTxId, labels);
  metrics.gauge('quorate_commit_tx_id', 'Last transaction that may be shown.', status.commitTxId, labels);
  metrics.gauge('quorate_applied_tx_id', 'Last transaction visible in SQLite.', status.appliedTxId, labels);
  metrics.gauge('quorate_term', 'Term of the last transaction.', status.term, labels);
  metrics.gauge('quorate_log_size_bytes', 'Size of the log on disk.', status.logSizeBytes, labels);
  if (status.ackStatus !== '') {
    ackMetrics(metrics, status);
  }
  if (status.storage !== undefined) {
    storageMetrics(metrics, labels, status.storage);
  }
  metrics.gauge('quorate_attached_replicas', 'Replicas that follow the database now.', status.replicas.length, labels);
  for (const replica of status.replicas) {
    attachedMetrics(metrics, status, replica);
  }
  if (status.replicator !== undefined) {
    replicatorMetrics(metrics, database, status.replicator);
  }
  if (status.scrub !== undefined) {
    scrubMetrics(metrics, labels, status.scrub);
  }
  if (status.loss !== undefined) {
    const help = 'Committed transactions that no replica is known to hold.';
    metrics.gauge('quorate_unreplicated_transactions', help, status.loss.transactions, labels);
  }
}

function ackMetrics(metrics: MetricsText, { database, acks, ackStatus, degradations }: DatabaseStatus): void {
  const labels = { database, level: acks?.level ?? '', status: ackStatus };
  metrics.gauge('quorate_ack_status', 'Level of acknowledgement and how it stands; always 1.', 1, labels);
  metrics.counter('quorate_degradations_total', 'How often too few replicas acknowledged for too long.', degradations, {
    database,
  });
}

function storageMetrics(metrics: MetricsText, labels: { readonly database: string }, storage: StorageStatus): void {
  metrics.gauge('quorate_log_first_tx_id', 'Oldest transaction in the log.', storage.firstTxId, labels);
  metrics.gauge('quorate_log_retention_bytes', 'Option log-retention-bytes.', storage.retentionBytes, labels);
  metrics.gauge(
    'quorate_log_retention_max_bytes',
    'Option log-retention-max-bytes.',
    storage.retentionMaxBytes,
    labels,
  );
  metrics.gauge('quorate_database_size_bytes', 'Size of the SQLite file.', storage.databaseSizeBytes, labels);
  metrics.gauge('quorate_disk_free_bytes', 'Free space on the disk.', storage.freeBytes, labels);
  metrics.gauge('quorate_disk_free_bytes_limit', 'Option min-free-bytes.', storage.minFreeBytes, labels);
  for (const { replicaId, replicaName, durableTxId, lost } of storage.holds) {
    const replica = { ...labels, replica: replicaName, replica_id: replicaId };
    metrics.gauge('quorate_replica_hold_tx_id', 'What a known replica has confirmed.', durableTxId, replica);
    metrics.gauge('quorate_replica_hold_lost', 'Whether it needs a snapshot.', Number(lost), replica);
  }
}

function attachedMetrics(metrics: MetricsText, { database, tipTxId }: DatabaseStatus, replica: AttachedReplica): void {
  const labels = { database, replica: replica.replicaName, replica_id: replica.replicaId };
  metrics.gauge('quorate_replica_sent_tx_id', 'Last transaction sent to a replica.', replica.sentTxId, labels);
  metrics.gauge(
    'quorate_replica_durable_tx_id',
    'Last transaction a replica has fsynced.',
    replica.durableTxId,
    labels,
  );
  metrics.gauge('quorate_replica_applied_tx_id', 'Last transaction a replica shows.', replica.appliedTxId, labels);
  const lag = Math.max(0, tipTxId - replica.appliedTxId);
  metrics.gauge('quorate_replica_lag_transactions', 'Transactions that a replica does not show yet.', lag, labels);
}

function replicatorMetrics(metrics: MetricsText, database: string, replicator: ReplicatorStatus): void {
  const { upstream, state, lagMs, lagTransactions, lagBytes, retries } = replicator;
  const labels = { database, upstream };
  if (replicator.snapshot !== undefined) {
    const { receivedBytes, sizeBytes, bytesPerSecond } = replicator.snapshot;
    metrics.gauge('quorate_snapshot_bytes_per_second', 'Rate of its copying.', bytesPerSecond, labels);
    metrics.gauge('quorate_snapshot_received_bytes', 'Received of a snapshot.', receivedBytes, labels);
    metrics.gauge('quorate_snapshot_size_bytes', 'Size of that snapshot.', sizeBytes, labels);
  }
  metrics.gauge('quorate_replicator_state', 'State of the replicator; always 1.', 1, { ...labels, state });
  metrics.gauge('quorate_replication_lag_seconds', 'Age of what is shown.', lagMs / millisecondsPerSecond, labels);
  metrics.gauge('quorate_replication_lag_transactions', 'Transactions not shown yet.', lagTransactions, labels);
  metrics.gauge('quorate_replication_lag_bytes', 'Bytes of log records not shown yet.', lagBytes, labels);
  receivedMetrics(metrics, labels, replicator);
  metrics.counter('quorate_replication_retries_total', 'Attempts to connect again.', retries, labels);
}

function receivedMetrics(
  metrics: MetricsText,
  labels: Labels,
  { receivedLagTransactions, receivedLagBytes, receivedLagMs }: ReplicatorStatus,
): void {
  const transactions = 'Transactions not on disk here yet.';
  metrics.gauge('quorate_replication_received_lag_transactions', transactions, receivedLagTransactions, labels);
  const bytes = 'Bytes of log records not on disk here yet.';
  metrics.gauge('quorate_replication_received_lag_bytes', bytes, receivedLagBytes, labels);
  const seconds = receivedLagMs / millisecondsPerSecond;
  metrics.gauge('quorate_replication_received_lag_seconds', 'Age of what is on disk here.', seconds, labels);
}

function scrubMetrics(metrics: MetricsText, labels: Labels, scrub: ScrubStatus): void {
  const finished = scrub.finishedAtMs / millisecondsPerSecond;
  const duration = scrub.durationMs / millisecondsPerSecond;
  const period = scrub.periodMs / millisecondsPerSecond;
  const differences = 'Differences from the upstream that were found.';
  metrics.gauge('quorate_scrub_differences', differences, scrub.differences, labels);
  const rounds = 'Comparisons of the whole database with its upstream.';
  metrics.counter('quorate_scrub_rounds_total', rounds, scrub.rounds, labels);
  metrics.gauge('quorate_scrub_finished_seconds', 'Unix time at which the last one ended; 0 before.', finished, labels);
  metrics.gauge('quorate_scrub_duration_seconds', 'Time that the last one took.', duration, labels);
  metrics.gauge('quorate_scrub_period_seconds', 'Time from the end of one to that of the next.', period, labels);
}

function writerMetrics(metrics: MetricsText, { node }: HttpContext, database: string): void {
  const { opened } = node.databases.get(database);
  if (opened === undefined) {
    return;
  }
  const labels = { database };
  timingMetrics(metrics, opened.gauges.timings, labels);
  countMetrics(metrics, opened, labels);
  const { writerStallTimeoutMs } = node.options.limits;
  const silent = 'How long the writer has been at one statement or fsync.';
  metrics.gauge('quorate_writer_silent_seconds', silent, opened.writerSilentMs() / millisecondsPerSecond, labels);
  const stallLimit = writerStallTimeoutMs / millisecondsPerSecond;
  metrics.gauge('quorate_writer_silent_seconds_limit', 'Option writer-stall-timeout.', stallLimit, labels);
  const stalls = 'How often it was at one thing for longer than that.';
  metrics.counter('quorate_writer_stalls_total', stalls, node.writers.count(database), labels);
  const { maxReplicas } = node.options.limits;
  metrics.gauge('quorate_attached_replicas_limit', 'Option max-replicas.', maxReplicas, labels);
}
