/** The coordinator in an etcd cluster of three real members: its contract, and what the cluster may lose. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Coordinator, CoordinatorLease, CoordinatorSettings } from '../../src/cluster/interface.ts';
import { isQuorateError } from '../../src/errors/interface.ts';
import { TestAuthority } from '../certificates.ts';
import { until } from '../until.ts';
import { freshPrefix, opened, testContract } from './contract.ts';
import { EtcdCluster, etcdMissing } from './etcd-cluster.ts';
import { coordinatorSettings } from './settings.ts';

function settingsOf(cluster: EtcdCluster, more: Partial<CoordinatorSettings> = {}): CoordinatorSettings {
  return coordinatorSettings({ coordinator: 'etcd', etcdEndpoints: cluster.endpoints, ...more });
}

/** Does something until the coordinator answers. */
async function patiently<Result>(call: () => Promise<Result>): Promise<Result> {
  let result: { value: Result } | undefined;
  await until('an answer of the coordinator', async () => {
    try {
      result = { value: await call() };
      return true;
    } catch (error) {
      if (isQuorateError(error) && error.code === 'COORDINATOR_UNAVAILABLE') {
        return false;
      }
      throw error;
    }
  });
  return (result as { value: Result }).value;
}

/** What a listener read each time that it was called. */
class Seen {
  keys: readonly string[] = [];

  constructor(t: TestContext, coordinator: Coordinator, prefix: string) {
    const changed = async () => {
      const view = await patiently(() => coordinator.list(prefix));
      this.keys = view.entries.map(({ key }) => key.slice(prefix.length));
    };
    const watch = coordinator.watch(prefix, { changed: () => void changed() });
    t.after(() => watch[Symbol.dispose]());
  }

  until(key: string): Promise<void> {
    return until(`${key} is seen`, () => this.keys.includes(key));
  }
}

/** Renews a lease all the time; `stop` throws when it was lost. */
class Renewal {
  readonly #lease: CoordinatorLease;
  readonly #done: Promise<void>;
  #stopped = false;
  /** Milliseconds between two renewals that etcd confirmed, at most. */
  longestGapMs = 0;

  constructor(lease: CoordinatorLease) {
    this.#lease = lease;
    this.#done = this.#run();
    this.#done.catch(() => {});
  }

  stop(): Promise<void> {
    this.#stopped = true;
    return this.#done;
  }

  async #run(): Promise<void> {
    for (let renewedAtMs = performance.now(); !this.#stopped; await sleep(100)) {
      await patiently(() => this.#lease.renew());
      this.longestGapMs = Math.max(this.longestGapMs, performance.now() - renewedAtMs);
      renewedAtMs = performance.now();
    }
  }
}

describe('etcd', { skip: etcdMissing }, () => {
  let cluster: EtcdCluster;
  before(async () => {
    cluster = await EtcdCluster.start();
  });
  after(() => cluster.stop());

  testContract({ name: 'etcd', settings: () => settingsOf(cluster), ttlMs: 2_000, removalMs: 3_000 });

  test('leases, watches and commits go on while members die one after the other, the leader first', async (t) => {
    const coordinator = await opened(t, settingsOf(cluster));
    const prefix = freshPrefix();
    const seen = new Seen(t, coordinator, prefix);
    const lease = await coordinator.openLease(10_000);
    await coordinator.commit([], [{ key: `${prefix}leased`, value: '', leaseId: lease.id }]);
    await seen.until('leased');
    const renewal = new Renewal(lease);
    let revision = 0;
    const leader = cluster.leader();
    for (const [i, member] of [leader, ...cluster.members.filter((other) => other !== leader)].entries()) {
      await cluster.kill(member);
      const key = `${prefix}${i}`;
      await patiently(async () => {
        if ((await coordinator.get(key)) === undefined) {
          await coordinator.commit([{ key, changedRevision: 0 }], [{ key, value: '' }]);
        }
      });
      await seen.until(`${i}`);
      const view = await patiently(() => coordinator.list(prefix));
      assert.ok(view.revision > revision);
      revision = view.revision;
      cluster.startMember(member);
      await cluster.untilHealthy();
    }
    await renewal.stop();
    assert.equal((await coordinator.get(`${prefix}leased`))?.leaseId, lease.id);
    assert.ok(renewal.longestGapMs < 10_000, `${renewal.longestGapMs} ms between two renewals`);
  });

  test('without a majority every call fails in its time and names the members; afterwards all goes on', async (t) => {
    const timeoutMs = 1_000;
    const coordinator = await opened(t, settingsOf(cluster, { coordinatorTimeoutMs: timeoutMs }));
    const prefix = freshPrefix();
    const seen = new Seen(t, coordinator, prefix);
    const lease = await coordinator.openLease(60_000);
    await coordinator.commit([], [{ key: `${prefix}before`, value: '' }]);
    await seen.until('before');
    const stopped = cluster.members.slice(0, 2);
    t.after(() => cluster.signal(stopped, 'SIGCONT'));
    await cluster.suspend(...stopped);
    for (const call of [
      () => coordinator.get(`${prefix}before`),
      () => coordinator.list(prefix),
      () => coordinator.commit([], [{ key: `${prefix}meanwhile`, value: '' }]),
      () => coordinator.openLease(5_000),
      () => lease.renew(),
    ]) {
      const startMs = performance.now();
      await assert.rejects(call(), (error) => {
        assert.ok(isQuorateError(error) && error.code === 'COORDINATOR_UNAVAILABLE', String(error));
        assert.match(error.message, new RegExp(`127.0.0.1:${cluster.members[0]?.clientPort}`));
        return true;
      });
      const tookMs = performance.now() - startMs;
      assert.ok(tookMs < timeoutMs + 500, `it took ${tookMs} ms`);
    }
    cluster.signal(stopped, 'SIGCONT');
    await patiently(() => lease.renew());
    await patiently(() => coordinator.commit([], [{ key: `${prefix}after`, value: '' }]));
    await seen.until('after');
  });

  test('a watch leaves a member that stands still', async (t) => {
    const coordinator = await opened(t, settingsOf(cluster));
    const prefix = freshPrefix();
    const seen = new Seen(t, coordinator, prefix);
    await coordinator.commit([], [{ key: `${prefix}before`, value: '' }]);
    await seen.until('before');
    for (const [i, member] of cluster.members.entries()) {
      await cluster.suspend(member);
      t.after(() => cluster.signal([member], 'SIGCONT'));
      await patiently(() => coordinator.commit([], [{ key: `${prefix}${i}`, value: '' }]));
      await seen.until(`${i}`);
      cluster.signal([member], 'SIGCONT');
      await cluster.untilHealthy();
    }
  });

  test('watches outlive the compaction of what they have not seen, and a restart of the whole cluster', async (t) => {
    const coordinator = await opened(t, settingsOf(cluster));
    const prefix = freshPrefix();
    const seen = new Seen(t, coordinator, prefix);
    const first = await coordinator.commit([], [{ key: `${prefix}first`, value: '' }]);
    await seen.until('first');
    await cluster.terminate(...cluster.members);
    await assert.rejects(coordinator.get(`${prefix}first`), { code: 'COORDINATOR_UNAVAILABLE' });
    for (const member of cluster.members) {
      cluster.startMember(member);
    }
    await cluster.untilHealthy();
    cluster.control(['put', `/quorate/${prefix}second`, 'from elsewhere']);
    cluster.control(['del', `/quorate/${prefix}first`]);
    const { revision } = await patiently(() => coordinator.list(prefix));
    assert.ok(revision > first.revision);
    cluster.control(['compact', String(revision)]);
    await seen.until('second');
    await until('the deletion is seen', () => !seen.keys.includes('first'));
    await coordinator.commit([], [{ key: `${prefix}third`, value: '' }]);
    await seen.until('third');
  });

  test('nodes with different prefixes share an etcd cluster without seeing each other', async (t) => {
    const one = await opened(t, settingsOf(cluster, { etcdPrefix: '/one/' }));
    const other = await opened(t, settingsOf(cluster, { etcdPrefix: '/other/' }));
    await one.commit([], [{ key: 'key', value: 'of one' }]);
    assert.equal(await other.get('key'), undefined);
    assert.deepEqual((await other.list('')).entries, []);
    assert.deepEqual(
      (await one.list('')).entries.map(({ key, value }) => [key, value]),
      [['key', 'of one']],
    );
  });
});

describe('etcd with TLS and users', { skip: etcdMissing }, () => {
  const root = mkdtempSync(path.join(os.tmpdir(), 'quorate-etcd-tls-'));
  let cluster: EtcdCluster;
  let authority: TestAuthority;
  let tls: Partial<CoordinatorSettings>;
  const user = { etcdUsername: 'quorate', etcdPassword: 'secret of quorate' };

  before(async () => {
    authority = await TestAuthority.create(path.join(root, 'authority'));
    const member = await authority.issue('member');
    const client = await authority.issue('client');
    tls = { etcdCa: authority.caPath, etcdCert: client.certPath, etcdKey: client.keyPath };
    cluster = await EtcdCluster.start({ size: 1, certificate: member });
    for (const command of [
      'user add root:root',
      'user grant-role root root',
      'role add quorate',
      'role grant-permission quorate --prefix=true readwrite /quorate/',
    ]) {
      cluster.control(command.split(' '));
    }
    cluster.control(['user', 'add', `${user.etcdUsername}:${user.etcdPassword}`]);
    cluster.control(['user', 'grant-role', user.etcdUsername, 'quorate']);
    cluster.control(['auth', 'enable']);
  });
  after(async () => {
    await cluster.stop();
    rmSync(root, { recursive: true, force: true });
  });

  test('a certificate and a user are enough for everything, also after etcd has forgotten the token', async (t) => {
    const coordinator = await opened(t, settingsOf(cluster, { ...tls, ...user }));
    const prefix = freshPrefix();
    const seen = new Seen(t, coordinator, prefix);
    const lease = await coordinator.openLease(30_000);
    await coordinator.commit([], [{ key: `${prefix}leased`, value: '', leaseId: lease.id }]);
    await seen.until('leased');
    await cluster.kill(...cluster.members);
    for (const member of cluster.members) {
      cluster.startMember(member);
    }
    await patiently(() => lease.renew());
    await patiently(() => coordinator.commit([], [{ key: `${prefix}after`, value: '' }]));
    await seen.until('after');
    await lease.revoke();
    assert.equal(await coordinator.get(`${prefix}leased`), undefined);
  });

  test('what is wrong with certificates and users is told, with the option to change', async (t) => {
    const stranger = await TestAuthority.create(path.join(root, 'stranger'));
    const strange = await stranger.issue('client');
    for (const [given, hint] of [
      [{ ...tls, ...user, etcdCa: stranger.caPath }, /--etcd-ca/],
      [{ ...tls, ...user, etcdCert: strange.certPath, etcdKey: strange.keyPath }, /--etcd-cert/],
      [{ ...user, etcdCa: authority.caPath }, /--etcd-cert/],
      [{ ...tls, ...user, etcdPassword: 'wrong' }, /--etcd-password/],
      [tls, /--etcd-username/],
      [{ ...tls, ...user, etcdPrefix: '/elsewhere/' }, /permission/],
    ] as const) {
      const coordinator = await opened(t, settingsOf(cluster, { coordinatorTimeoutMs: 700, ...given }));
      await assert.rejects(coordinator.get('key'), { code: 'COORDINATOR_UNAVAILABLE', hint });
      await assert.rejects(coordinator.commit([], [{ key: 'key', value: '' }]), {
        code: 'COORDINATOR_UNAVAILABLE',
        hint,
      });
    }
  });
});

test('addresses of etcd that make no sense, or would be asked in plain text, are refused', async (t) => {
  for (const [given, message] of [
    [{}, /etcd-endpoints/],
    [{ etcdEndpoints: ' , ' }, /etcd-endpoints/],
    [{ etcdEndpoints: 'ftp://127.0.0.1:2379' }, /ftp/],
    [{ etcdEndpoints: 'http://127.0.0.1:2379/v3' }, /v3/],
    [{ etcdEndpoints: 'http://127.0.0.1:notaport' }, /notaport/],
    [{ etcdEndpoints: 'http://etcd.example:2379' }, /without TLS/],
    [{ etcdEndpoints: 'http://127.0.0.1:2379', etcdCa: '/ca.crt' }, /not encrypted/],
    [{ etcdEndpoints: 'https://127.0.0.1:2379', etcdCert: '/client.crt' }, /key/],
    [{ etcdEndpoints: '127.0.0.1', etcdPrefix: '' }, /etcd-prefix/],
  ] as const) {
    await assert.rejects(opened(t, coordinatorSettings({ coordinator: 'etcd', ...given })), {
      code: 'INVALID_ARGUMENT',
      message,
    });
  }
  const missing = { etcdEndpoints: 'https://127.0.0.1:2379', etcdCa: '/nowhere/ca.crt' };
  await assert.rejects(opened(t, coordinatorSettings({ coordinator: 'etcd', ...missing })), {
    code: 'IO_ERROR',
    message: /nowhere/,
  });
});

test('an etcd that is not there fails calls, not the start', async (t) => {
  const settings = coordinatorSettings({
    coordinator: 'etcd',
    etcdEndpoints: '127.0.0.1:1, [::1]:1, localhost:1',
    coordinatorTimeoutMs: 500,
  });
  const coordinator = await opened(t, settings);
  const watch = coordinator.watch('', { changed: () => assert.fail('nothing was read') });
  await assert.rejects(coordinator.get('key'), {
    code: 'COORDINATOR_UNAVAILABLE',
    message: /127\.0\.0\.1:1: .*ECONNREFUSED.*; \[::1\]:1: .*; localhost:1: /,
  });
  watch[Symbol.dispose]();
});
