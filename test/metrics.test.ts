/** What Prometheus and the dashboard in deploy/ get of running servers. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import {
  databaseLimitOptions,
  hranaOptions,
  namedOptions,
  nodeLimitOptions,
  replicationLimitOptions,
  securityOptions,
} from '../src/config/interface.ts';
import { Histogram } from '../src/runtime/interface.ts';
import { groupMetrics } from '../src/server/http/group-metrics.ts';
import { MetricsText } from '../src/server/http/metrics.ts';
import { type MetricFamily, parseExposition } from './exposition.ts';
import { follow, ServerFixture, type ServerProcess } from './server-process.ts';

const writes = 20;

const limitGroups = [databaseLimitOptions, nodeLimitOptions, replicationLimitOptions, hranaOptions, securityOptions];
const isNumeric: ReadonlySet<string> = new Set(['integer', 'bytes', 'duration']);

/** The metric that tells how much there is of what an option bounds. */
const usageOf: Readonly<Record<string, string>> = {
  'max-group-transactions': 'group_transactions',
  'writer-queue-limit': 'writer_queue',
  'writer-queue-bytes': 'writer_queue_bytes',
  'log-retention-bytes': 'log_size_bytes',
  'log-retention-min-bytes': 'log_size_bytes',
  'log-retention-max-bytes': 'log_size_bytes',
  'min-free-bytes': 'disk_free_bytes',
  'max-snapshots': 'snapshots',
  'snapshot-copy-bytes': 'database_size_bytes',
  'snapshot-wal-bytes': 'wal_bytes',
  'tail-cache-bytes': 'tail_cache_bytes',
  'max-unapplied-bytes': 'unapplied_bytes',
  'max-databases': 'databases',
  'max-groups': 'groups',
  'reader-processes': 'reader_processes',
  'reader-queue-limit': 'reader_queue',
  'max-read-transactions': 'read_transactions',
  'writer-stall-timeout': 'writer_silent_seconds',
  'max-replicas': 'attached_replicas',
  'snapshot-rate-bytes': 'snapshot_sent_bytes_total',
  'receive-window-bytes': 'received_bytes',
  'grpc-max-connections': 'grpc_connections',
  'hrana-max-http-requests': 'hrana_http_requests',
  'hrana-max-http-streams': 'hrana_http_streams',
  'hrana-max-connections': 'hrana_connections',
  'hrana-max-connection-streams': 'hrana_most_streams',
  'hrana-max-connection-requests': 'hrana_most_requests',
  'hrana-max-stored-sql': 'hrana_most_stored_sql',
  'hrana-max-stored-sql-bytes': 'hrana_most_stored_sql_bytes',
  'max-users': 'users',
  'max-revoked-tokens': 'revoked_tokens',
  'audit-files': 'audit_files',
  'audit-file-bytes': 'audit_file_bytes',
};

/** Options that bound one message, statement, transaction, token, round or wait by itself: nothing of them piles up. */
const ofOneThing: ReadonlySet<string> = new Set([
  ...['max-group-bytes', 'max-group-time', 'max-transaction-bytes', 'max-value-bytes', 'max-result-bytes'],
  ...['transaction-idle-timeout', 'transaction-total-timeout', 'query-timeout', 'log-segment-bytes'],
  ...['log-retention-age', 'replica-retention-age', 'snapshot-ttl', 'max-apply-records', 'max-apply-bytes'],
  ...['grpc-max-connection-calls', 'group-write-wait'],
  ...['max-message-bytes', 'reader-idle-timeout', 'drain-delay', 'drain-timeout'],
  ...['scrub-interval', 'scrub-bytes-per-second'],
  ...['export-batch-bytes', 'export-message-bytes', 'snapshot-chunk-bytes', 'snapshot-write-loss-percent'],
  ...['snapshot-seed-bytes', 'max-record-bytes', 'heartbeat-interval', 'upstream-timeout'],
  ...['replication-backoff-initial', 'replication-backoff-max', 'replication-refused-retry'],
  ...['hrana-max-request-bytes', 'hrana-max-response-bytes', 'hrana-max-sql-bytes', 'hrana-max-pipeline'],
  ...['hrana-max-batch-steps', 'hrana-stream-idle-timeout', 'hrana-write-wait', 'hrana-position-wait'],
  ...['token-ttl', 'max-token-ttl'],
]);

async function scrape(server: ServerProcess): Promise<string> {
  const response = await fetch(`${server.httpUrl}/metrics`);
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  return await response.text();
}

describe('metrics', () => {
  const fixture = new ServerFixture({ after });
  let texts: string[] = [];
  let primary: Map<string, MetricFamily>;
  let replica: Map<string, MetricFamily>;

  before(async () => {
    const first = await fixture.start('primary');
    const second = await fixture.start('replica', ...follow(first));
    await second.until('defaultdb', ({ replicator }) => replicator?.state === 'streaming');
    await first.execute('defaultdb', 'CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)');
    const client = await first.client();
    let last = 0;
    for (let i = 0; i < writes; i += 1) {
      const insert = [{ sql: "INSERT INTO items (name) VALUES ('x')" }];
      last = (await client.execute('defaultdb', insert, { acks: { level: 'sync', acks: 1 } })).txId;
    }
    for (const key of ['first', 'second', 'second']) {
      last = (await client.execute('defaultdb', [{ sql: 'DELETE FROM items WHERE id = 1' }], { key })).txId;
    }
    await second.until('defaultdb', ({ appliedTxId }) => appliedTxId === last);
    await first.query('defaultdb', 'SELECT count(*) FROM items');
    await assert.rejects(first.query('defaultdb', 'SELECT nothing'));
    texts = [await scrape(first), await scrape(second)];
    [primary, replica] = texts.map(parseExposition) as [typeof primary, typeof replica];
  });

  /** Of defaultdb, or of the node. */
  const sampleOf = (families: Map<string, MetricFamily>, name: string, suffix = ''): number | undefined =>
    families
      .get(name)
      ?.samples.find(
        (sample) => sample.name === name + suffix && (sample.labels['database'] ?? 'defaultdb') === 'defaultdb',
      )?.value;

  test('what was written, waited for, applied and read is counted in histograms', () => {
    const count = (families: Map<string, MetricFamily>, name: string) => sampleOf(families, name, '_count') ?? 0;
    assert.equal(count(primary, 'quorate_write_seconds'), writes + 4);
    assert.equal(sampleOf(primary, 'quorate_group_transactions', '_sum'), writes + 3);
    assert.equal(count(primary, 'quorate_ack_wait_seconds'), writes);
    assert.equal(count(primary, 'quorate_fsync_seconds'), count(primary, 'quorate_group_transactions'));
    assert.ok((sampleOf(primary, 'quorate_fsync_seconds', '_sum') ?? 0) > 0);
    assert.equal(count(primary, 'quorate_apply_seconds'), 0);
    assert.ok(count(replica, 'quorate_apply_seconds') > 0 && count(replica, 'quorate_fsync_seconds') > 0);
    assert.equal(count(replica, 'quorate_write_seconds'), 0);
    assert.equal(count(primary, 'quorate_read_seconds'), 1);
  });

  test('idempotency keys are counted, those that came again apart', () => {
    assert.equal(sampleOf(primary, 'quorate_idempotency_keys_total'), 2);
    assert.equal(sampleOf(primary, 'quorate_idempotency_repeats_total'), 1);
  });

  test('docs/http.md names every metric', () => {
    const page = readFileSync(new URL('../docs/http.md', import.meta.url), 'utf8');
    const folder = new URL('../src/server/http/', import.meta.url);
    const sources = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), 'utf8'));
    const inSources = sources.join('').matchAll(/'((?:quorate|process|nodejs)_[a-z_]+)'/g);
    const here = new Set([...primary.keys(), ...replica.keys(), ...[...inSources].map(([, name = '']) => name)]);
    const missing = [...here].filter((name) => {
      const short = name.replace(/^quorate_/, '');
      return !page.includes(`\`${short}\``) && !page.includes(`\`${short.replace(/_limit$/, '')}\``);
    });
    assert.deepEqual(missing, []);
  });

  test('every limit of a number is told by the name of its option', () => {
    const told = primary.get('quorate_limit')?.samples.map(({ labels }) => labels['option']) ?? [];
    const declared = limitGroups.flatMap(namedOptions).filter(({ declaration }) => isNumeric.has(declaration.type));
    assert.deepEqual(
      declared.map(({ flag }) => flag).filter((flag) => !told.includes(flag)),
      [],
    );
  });

  test('what is bounded is told beside its limit', () => {
    const declared = limitGroups.flatMap(namedOptions).filter(({ declaration }) => isNumeric.has(declaration.type));
    const flags = declared.map(({ flag }) => flag);
    assert.deepEqual(
      flags.filter((flag) => !(flag in usageOf) && !ofOneThing.has(flag)),
      [],
      'name the metric of a new limit here, or say that it bounds one thing by itself',
    );
    assert.deepEqual(
      [...Object.keys(usageOf), ...ofOneThing].filter((flag) => !flags.includes(flag)),
      [],
    );
    for (const name of Object.values(usageOf)) {
      assert.ok(primary.has(`quorate_${name}`), name);
    }
    for (const name of [...primary.keys()].filter((key) => key.endsWith('_limit') && key !== 'quorate_limit')) {
      const value = sampleOf(primary, name.replace(/_limit$/, ''));
      assert.ok(value !== undefined, `what ${name} bounds is told`);
      assert.ok(name.startsWith('quorate_disk_free') || value <= (sampleOf(primary, name) ?? 0), name);
    }
  });

  test('the process tells its processor time, memory and open files', () => {
    for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'nodejs_heap_size_used_bytes']) {
      assert.ok((sampleOf(primary, name) ?? 0) > 0, name);
    }
    if (process.platform === 'linux') {
      assert.ok((sampleOf(primary, 'process_open_fds') ?? 0) > 10);
    }
  });

  test('promtool finds nothing that breaks the format', { skip: hasPromtool() ? false : 'no promtool here' }, () => {
    for (const input of texts) {
      const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
      // 3: warnings about style.
      assert.ok(status === 0 || status === 3, stderr);
    }
  });

  test('every metric and every label of the dashboard is there', () => {
    const dashboard = JSON.parse(readFileSync(new URL('../deploy/grafana/quorate.json', import.meta.url), 'utf8'));
    const expressions: string[] = dashboard.panels.flatMap((panel: { targets?: { expr: string }[] }) =>
      (panel.targets ?? []).map(({ expr }) => expr),
    );
    assert.ok(expressions.length > 20);
    for (const part of ['group_leading', 'group_term', 'group_failsafe', 'coordinator_seconds', 'role_hooks']) {
      assert.ok(expressions.join(' ').includes(`quorate_${part}`), part);
    }
    const families = [...primary.values(), ...replica.values(), ...groupFamilies().values()];
    const samples = families.flatMap((family) => family.samples);
    for (const expression of expressions) {
      const used = [...expression.matchAll(/\b((?:quorate|process|nodejs)_\w+)\{([^}]*)\}/g)];
      assert.ok(used.length > 0, expression);
      for (const [, name, selector = ''] of used) {
        // Prometheus itself adds the label instance.
        const labels = [...selector.matchAll(/(\w+)=~/g)].map(([, label]) => label).filter((x) => x !== 'instance');
        const found = samples.find((sample) => sample.name === name);
        assert.ok(found !== undefined, `${name} is in no server's metrics`);
        assert.ok(
          labels.every((label) => label !== undefined && label in found.labels),
          `${name} has not the labels ${labels}`,
        );
      }
    }
  });
});

/** What a node tells of a group, and of a coordinator that has failed once. */
function groupFamilies(): Map<string, MetricFamily> {
  const seconds = new Histogram([1]);
  seconds.observe(0.5);
  const metrics = new MetricsText();
  groupMetrics(metrics, 99, {
    groups: [{ database: 'shop', term: 3, members: 3, hasLeader: true, isLeading: true, isFailsafe: false }],
    hooks: { waiting: 0, limit: 100, dropped: 0, failed: 0 },
    coordinator: {
      calls: [{ name: 'commit', seconds: seconds.read(), errors: [['UNAVAILABLE', 1]] }],
      ...{ pending: 0, pendingLimit: 100, watches: 1, watchesLimit: 100, news: 1 },
    },
  });
  return parseExposition(metrics.render());
}

function hasPromtool(): boolean {
  return spawnSync('promtool', ['--version']).status === 0;
}
