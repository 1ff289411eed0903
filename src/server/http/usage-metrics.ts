import { hranaOptions, namedOptions } from '../../config/interface.ts';
import { maxVerifications } from '../../database/interface.ts';
import { maxLimiterKeys } from '../auth/login-limiter.ts';
import { maxConcurrentLogins } from '../auth/password-authenticator.ts';
import type { ManagedDatabase } from '../node/managed-database.ts';
import type { NodeOptions } from '../node/node-options.ts';
import type { HttpContext } from './http-context.ts';
import type { Labels, MetricsText } from './metrics.ts';

/** Something that is bounded: how much of it there is now, how much there may be, and by which option. */
type Usage = readonly [name: string, help: string, value: number, limit: number, option?: string | undefined];

function usageMetrics(metrics: MetricsText, usages: readonly Usage[], labels: Labels = {}): void {
  for (const [name, help, value, limit, option] of usages) {
    metrics.gauge(`quorate_${name}`, help, value, labels);
    metrics.gauge(`quorate_${name}_limit`, option === undefined ? 'Fixed.' : `Option ${option}.`, limit, labels);
  }
}

/** What users and administrators take. */
export function securityUsage(metrics: MetricsText, { node }: HttpContext): void {
  const { limits, audit, authenticator } = node.security;
  const { users, revokedTokens } = node.security.counts();
  const { logins, limiterKeys } = authenticator.usage();
  const { files, fileBytes } = audit.usage();
  usageMetrics(metrics, [
    ['users', 'Users of the server, as far as it knows them.', users, limits.maxUsers, 'max-users'],
    [
      'revoked_tokens',
      'Tokens that were revoked one by one.',
      revokedTokens,
      limits.maxRevokedTokens,
      'max-revoked-tokens',
    ],
    ['logins_running', 'Passwords that are being checked.', logins, maxConcurrentLogins],
    ['login_limiter_keys', 'Users and addresses of which logins are remembered.', limiterKeys, maxLimiterKeys],
    ['audit_files', 'Files of the audit log.', files, limits.auditFiles, 'audit-files'],
    ['audit_file_bytes', 'Size of the newest one.', fileBytes, limits.auditFileBytes, 'audit-file-bytes'],
  ]);
}

/** What queries take. */
export function readerUsage(metrics: MetricsText, { node }: HttpContext): void {
  const { processes, maxProcesses, queued, queueLimit, running, pinned, pinningProcesses } = node.readers.status();
  const { maxReadTransactions } = node.options.limits;
  usageMetrics(metrics, [
    ['reader_processes', 'Processes that run queries.', processes, maxProcesses, 'reader-processes'],
    ['reader_running', 'Of them those that run some now.', running, maxProcesses, 'reader-processes'],
    [
      'reader_snapshot_processes',
      'Further ones for transactions that only read.',
      pinningProcesses,
      maxProcesses,
      'reader-processes',
    ],
    ['reader_queue', 'Queries that wait for a reader process.', queued, queueLimit, 'reader-queue-limit'],
    ['read_transactions', 'Open transactions that only read.', pinned, maxReadTransactions, 'max-read-transactions'],
  ]);
}

const hranaFlags = new Map(namedOptions(hranaOptions).map(({ key, flag }) => [key, flag]));

/** What clients of Hrana take. */
export function hranaUsage(metrics: MetricsText, { hrana }: HttpContext): void {
  const { limits } = hrana;
  const usage = hrana.usage();
  const most = 'of the one that has the most.';
  const total = 'Streams on WebSocket connections.';
  metrics.gauge('quorate_hrana_connection_streams', total, usage.connectionStreams);
  metrics.gauge('quorate_hrana_cursors', 'Cursors on them.', usage.cursors);
  const rows: readonly (readonly [name: string, help: string, value: number, key: keyof typeof limits])[] = [
    ['http_requests', 'HTTP requests of clients that run now.', usage.requests, 'hranaMaxHttpRequests'],
    ['http_streams', 'HTTP streams that hold something.', usage.httpStreams, 'hranaMaxHttpStreams'],
    ['connections', 'WebSocket connections of clients.', usage.connections, 'hranaMaxConnections'],
    ['most_streams', `Streams on a connection, ${most}`, usage.mostStreams, 'hranaMaxConnectionStreams'],
    ['most_requests', `Requests of a connection, ${most}`, usage.mostRequests, 'hranaMaxConnectionRequests'],
    ['most_stored_sql', `Texts that one stores, ${most}`, usage.mostStoredTexts, 'hranaMaxStoredSql'],
    ['most_stored_sql_bytes', `Their length, ${most}`, usage.mostStoredBytes, 'hranaMaxStoredSqlBytes'],
  ];
  usageMetrics(
    metrics,
    rows.map(([name, help, value, key]) => [`hrana_${name}`, help, value, limits[key], hranaFlags.get(key)]),
  );
  const unread = `Bytes of answers that a connection has not read, ${most}`;
  metrics.gauge('quorate_hrana_most_unread_bytes', unread, usage.mostUnreadBytes);
}

/** What one database has in its queues and buffers. */
export function databaseUsage(
  metrics: MetricsText,
  { options }: { options: NodeOptions },
  managed: ManagedDatabase,
): void {
  const { opened, exports } = managed;
  if (opened === undefined || exports === undefined) {
    return;
  }
  const labels = { database: managed.name };
  const { databaseLimits: limits, replicationLimits } = options;
  const usage = opened.gauges.usage();
  const { tailCacheBytes, maxUnappliedBytes, snapshotWalBytes } = limits;
  const { receiveWindowBytes } = replicationLimits;
  usageMetrics(
    metrics,
    [
      [
        'writer_queue',
        'Requests that wait for the writer.',
        usage.writerQueue,
        limits.writerQueueLimit,
        'writer-queue-limit',
      ],
      ['writer_queue_bytes', 'Size of them.', usage.writerQueueBytes, limits.writerQueueBytes, 'writer-queue-bytes'],
      ['tail_cache_bytes', 'Newest records kept in memory.', usage.tailCacheBytes, tailCacheBytes, 'tail-cache-bytes'],
      [
        'streamed_bytes',
        'Records on their way to that memory.',
        usage.streamedBytes,
        tailCacheBytes,
        'tail-cache-bytes',
      ],
      [
        'received_bytes',
        'Records received and not yet durable.',
        usage.receivedBytes,
        receiveWindowBytes,
        'receive-window-bytes',
      ],
      [
        'unapplied_bytes',
        'Records in memory until they may be applied.',
        usage.unappliedBytes,
        maxUnappliedBytes,
        'max-unapplied-bytes',
      ],
      ['wal_bytes', "Size of SQLite's WAL.", usage.walBytes, snapshotWalBytes, 'snapshot-wal-bytes'],
      [
        'snapshots',
        'Snapshots that are kept or made for replicas.',
        usage.snapshots,
        limits.maxSnapshots,
        'max-snapshots',
      ],
      ['verifications', 'Comparisons with other nodes.', usage.verifications, maxVerifications],
    ],
    labels,
  );
  const { snapshots, slowReplicas, snapshotBytes } = exports;
  metrics.gauge('quorate_snapshots_sending', 'Replicas that are being sent a snapshot.', snapshots, labels);
  metrics.counter('quorate_snapshot_sent_bytes_total', 'Bytes of snapshots sent.', snapshotBytes, labels);
  const slow = 'Replicas that have not read what was sent, and are sent no more before they have.';
  metrics.gauge('quorate_slow_replicas', slow, slowReplicas, labels);
}
