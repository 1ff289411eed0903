/** What Prometheus and the dashboard in deploy/ get of running servers. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import {
  databaseLimitOptions,
  hranaOptions,
  namedOptions,
  nodeLimitOptions,
  replicationLimitOptions,
} from '../src/config/interface.ts';
import { type MetricFamily, parseExposition } from './exposition.ts';
import { follow, ServerFixture, type ServerProcess } from './server-process.ts';

const writes = 20;

async function scrape(server: ServerProcess): Promise<string> {
  const response = await fetch(`${server.httpUrl}/metrics`);
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  return await response.text();
}

describe('metrics', () => {
  const cleanups: (() => unknown)[] = [];
  const fixture = new ServerFixture({ after: (action: unknown) => cleanups.push(action as () => unknown) } as never);
  after(async () => {
    for (const cleanup of cleanups) {
      await cleanup();
    }
  });
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
    assert.equal(count(primary, 'quorate_write_seconds'), writes + 1);
    assert.equal(sampleOf(primary, 'quorate_group_transactions', '_sum'), writes + 1);
    assert.equal(count(primary, 'quorate_ack_wait_seconds'), writes);
    assert.equal(count(primary, 'quorate_fsync_seconds'), count(primary, 'quorate_group_transactions'));
    assert.ok((sampleOf(primary, 'quorate_fsync_seconds', '_sum') ?? 0) > 0);
    assert.equal(count(primary, 'quorate_apply_seconds'), 0);
    assert.ok(count(replica, 'quorate_apply_seconds') > 0 && count(replica, 'quorate_fsync_seconds') > 0);
    assert.equal(count(replica, 'quorate_write_seconds'), 0);
    assert.equal(count(primary, 'quorate_read_seconds'), 1);
  });

  test('every limit of a number is told by the name of its option', () => {
    const told = primary.get('quorate_limit')?.samples.map(({ labels }) => labels['option']) ?? [];
    const declared = [databaseLimitOptions, nodeLimitOptions, replicationLimitOptions, hranaOptions].flatMap(
      namedOptions,
    );
    assert.deepEqual(
      declared.map(({ flag }) => flag).filter((flag) => !told.includes(flag)),
      [],
    );
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
    const samples = [...primary.values(), ...replica.values()].flatMap((family) => family.samples);
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

function hasPromtool(): boolean {
  return spawnSync('promtool', ['--version']).status === 0;
}
