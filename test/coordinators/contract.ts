/** What every coordinator promises, as tests. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Coordinator,
  type CoordinatorSettings,
  maxCoordinatorEntries,
  maxCoordinatorValueBytes,
  openCoordinator,
} from '../../src/cluster/interface.ts';
import { createNodeRuntime } from '../../src/runtime/interface.ts';
import { until } from '../until.ts';
import { CoordinatorProcess } from './process-handle.ts';

interface Subject {
  /** As in the names of the tests. */
  readonly name: string;
  /** The shortest lease that it gives, in milliseconds. */
  readonly ttlMs: number;
  /** Milliseconds after its end in which a lease is removed. */
  readonly removalMs: number;
}

export interface SemanticsSubject extends Subject {
  /** A coordinator of this process; all of them reach the same entries. */
  readonly open: (t: TestContext) => Promise<Coordinator>;
}

export interface ContractSubject extends Subject {
  readonly settings: () => CoordinatorSettings;
}

/** A coordinator of this process that is closed with the test. */
export async function opened(t: Pick<TestContext, 'after'>, settings: CoordinatorSettings): Promise<Coordinator> {
  const coordinator = await openCoordinator(settings, createNodeRuntime());
  assert.ok(coordinator !== undefined);
  t.after(() => coordinator[Symbol.asyncDispose]());
  return coordinator;
}

/** Keys that no other test uses. */
export function freshPrefix(): string {
  return `${randomUUID()}/`;
}

/** The whole contract, for a coordinator that several processes reach. */
export function testContract({ name, settings, ttlMs, removalMs }: ContractSubject): void {
  testSemantics({ name, open: (t) => opened(t, settings()), ttlMs, removalMs });

  test(`${name}: of commits that several processes make at once none is lost`, async (t) => {
    const processes = [1, 2, 3].map(() => new CoordinatorProcess(t, settings()));
    const key = `${freshPrefix()}counter`;
    const times = 20;
    const answers = await Promise.all(processes.map((child) => child.ask({ kind: 'count', key, times })));
    const revisions = answers.flat() as number[];
    assert.equal(new Set(revisions).size, processes.length * times);
    const coordinator = await opened(t, settings());
    const entry = await coordinator.get(key);
    assert.equal(entry?.value, String(processes.length * times));
    assert.equal(entry?.changedRevision, Math.max(...revisions));
    assert.equal(entry?.createdRevision, Math.min(...revisions));
  });

  test(`${name}: a stopped process loses its lease, others see that, and it is told when it goes on`, async (t) => {
    const prefix = freshPrefix();
    const [holder, watcher] = [new CoordinatorProcess(t, settings()), new CoordinatorProcess(t, settings())];
    await watcher.ask({ kind: 'watch', prefix });
    await holder.ask({ kind: 'open-lease', ttlMs });
    await holder.ask({ kind: 'put', key: `${prefix}primary`, value: 'holder', leased: true });
    assert.equal(await holder.ask({ kind: 'renew' }), undefined);
    await until('the key is seen', () => watcher.seen.at(-1)?.length === 1);
    holder.pause();
    const stoppedAtMs = performance.now();
    await until('the key is gone', () => watcher.seen.at(-1)?.length === 0);
    const lastedMs = performance.now() - stoppedAtMs;
    assert.ok(lastedMs < ttlMs + removalMs + 1_000, `it was there for ${lastedMs} ms`);
    await watcher.ask({ kind: 'put', key: `${prefix}primary`, value: 'watcher', leased: false });
    holder.resume();
    assert.equal(await holder.ask({ kind: 'renew' }), 'LEASE_LOST');
    assert.equal(
      await holder.ask({ kind: 'put', key: `${prefix}primary`, value: 'holder', leased: true }),
      'LEASE_LOST',
    );
    const coordinator = await opened(t, settings());
    assert.equal((await coordinator.get(`${prefix}primary`))?.value, 'watcher');
  });

  test(`${name}: the keys of a killed process go when its lease ends`, async (t) => {
    const prefix = freshPrefix();
    const holder = new CoordinatorProcess(t, settings());
    const coordinator = await opened(t, settings());
    await holder.ask({ kind: 'open-lease', ttlMs });
    await holder.ask({ kind: 'put', key: `${prefix}primary`, value: 'holder', leased: true });
    await holder.kill();
    assert.equal((await coordinator.list(prefix)).entries.length, 1);
    await until('the key is gone', async () => (await coordinator.list(prefix)).entries.length === 0);
  });

  test(`${name}: a watch calls at the beginning and after changes under its prefix, by whichever process`, async (t) => {
    const coordinator = await opened(t, settings());
    const prefix = freshPrefix();
    const [first, second] = [new CoordinatorProcess(t, settings()), new CoordinatorProcess(t, settings())];
    await first.ask({ kind: 'watch', prefix });
    await second.ask({ kind: 'watch', prefix });
    let calls = 0;
    const watch = coordinator.watch(prefix, {
      changed: () => {
        calls += 1;
      },
    });
    await until('all were called', () => calls > 0 && first.seen.length > 0 && second.seen.length > 0);
    assert.deepEqual(first.seen.at(-1), []);

    for (const [i, by] of [first, second].entries()) {
      const before = calls;
      await by.ask({ kind: 'put', key: `${prefix}${i}`, value: '', leased: false });
      await until(
        'all saw the change',
        () => [first, second].every(({ seen }) => seen.at(-1)?.length === i + 1) && calls > before,
      );
    }
    let before = calls;
    await coordinator.commit([], [{ key: `${prefix}0`, value: undefined }]);
    await until(
      'all saw the deletion',
      () => [first, second].every(({ seen }) => seen.at(-1)?.length === 1) && calls > before,
    );

    watch[Symbol.dispose]();
    before = calls;
    const seenBefore = first.seen.length;
    await coordinator.commit([], [{ key: `${prefix}2`, value: '' }]);
    await until('another saw the change', () => first.seen.length > seenBefore);
    assert.equal(calls, before);
  });
}

/** What one process can see. */
export function testSemantics({ name, open, ttlMs, removalMs }: SemanticsSubject): void {
  test(`${name}: a commit happens when all its conditions hold, and else not at all`, async (t) => {
    const coordinator = await open(t);
    const [a, b] = [`${freshPrefix()}a`, `${freshPrefix()}b`];
    const first = await coordinator.commit([{ key: a, changedRevision: 0 }], [{ key: a, value: 'one' }]);
    assert.ok(first.done);
    const entry = await coordinator.get(a);
    assert.deepEqual(entry, {
      key: a,
      value: 'one',
      createdRevision: first.revision,
      changedRevision: first.revision,
      leaseId: undefined,
    });

    const refused = await coordinator.commit(
      [
        { key: a, changedRevision: first.revision },
        { key: b, changedRevision: first.revision },
      ],
      [
        { key: a, value: undefined },
        { key: b, value: 'two' },
      ],
    );
    assert.equal(refused.done, false);
    assert.equal((await coordinator.get(a))?.value, 'one');
    assert.equal(await coordinator.get(b), undefined);

    const both = await coordinator.commit(
      [
        { key: a, changedRevision: first.revision },
        { key: b, changedRevision: 0 },
      ],
      [
        { key: a, value: '' },
        { key: b, value: 'zwei — 二' },
      ],
    );
    assert.ok(both.done && both.revision > first.revision);
    assert.deepEqual(
      [await coordinator.get(a), await coordinator.get(b)].map((found) => [
        found?.value,
        found?.createdRevision,
        found?.changedRevision,
      ]),
      [
        ['', first.revision, both.revision],
        ['zwei — 二', both.revision, both.revision],
      ],
    );
  });

  test(`${name}: a key that is made again has a later creation, and revisions only grow`, async (t) => {
    const coordinator = await open(t);
    const key = `${freshPrefix()}key`;
    const created: number[] = [];
    let revision = 0;
    for (let round = 0; round < 5; round += 1) {
      const made = await coordinator.commit([{ key, changedRevision: 0 }], [{ key, value: `${round}` }]);
      assert.ok(made.done && made.revision > revision);
      created.push((await coordinator.get(key))?.createdRevision ?? 0);
      const gone = await coordinator.commit([{ key, changedRevision: made.revision }], [{ key, value: undefined }]);
      assert.ok(gone.done && gone.revision > made.revision);
      revision = (await coordinator.list(key)).revision;
      assert.ok(revision >= gone.revision);
      assert.equal(await coordinator.get(key), undefined);
    }
    assert.deepEqual(
      created,
      [...new Set(created)].sort((x, y) => x - y),
    );
    assert.equal(created.length, 5);
  });

  test(`${name}: a list holds what is under a prefix, in order, at one revision`, async (t) => {
    const coordinator = await open(t);
    const prefix = freshPrefix();
    const keys = ['b', 'a/2', 'a/1', 'a', 'é', 'z'].map((end) => prefix + end);
    const { revision } = await coordinator.commit(
      [],
      keys.map((key) => ({ key, value: `value of ${key}` })),
    );
    await coordinator.commit([], [{ key: `${prefix.slice(0, -1)}0`, value: 'beside it' }]);
    const all = await coordinator.list(prefix);
    assert.deepEqual(
      all.entries.map(({ key }) => key.slice(prefix.length)),
      ['a', 'a/1', 'a/2', 'b', 'z', 'é'],
    );
    assert.ok(all.entries.every(({ changedRevision }) => changedRevision === revision));
    assert.ok(all.revision > revision);
    assert.equal((await coordinator.list(`${prefix}a/`)).entries.length, 2);
    assert.deepEqual((await coordinator.list(`${prefix}nothing`)).entries, []);
  });

  test(`${name}: a lease that is renewed stays, and one that is not takes its keys with it`, async (t) => {
    const coordinator = await open(t);
    const prefix = freshPrefix();
    const key = `${prefix}leased`;
    const lease = await coordinator.openLease(ttlMs);
    const { revision } = await coordinator.commit(
      [],
      [
        { key, value: 'mine', leaseId: lease.id },
        { key: `${prefix}kept`, value: 'stays' },
      ],
    );
    assert.equal((await coordinator.get(key))?.leaseId, lease.id);
    for (const end = performance.now() + 2 * lease.ttlMs; performance.now() < end; await sleep(lease.ttlMs / 5)) {
      await lease.renew();
      assert.equal((await coordinator.get(key))?.changedRevision, revision);
    }
    await lease.renew();
    const renewedAtMs = performance.now();
    await until('the lease has ended', async () => (await coordinator.get(key)) === undefined);
    const lastedMs = performance.now() - renewedAtMs;
    assert.ok(lastedMs > lease.ttlMs - 50 && lastedMs < lease.ttlMs + removalMs, `it lasted ${lastedMs} ms`);
    assert.ok((await coordinator.list(prefix)).revision > revision);
    assert.deepEqual(
      (await coordinator.list(prefix)).entries.map(({ value }) => value),
      ['stays'],
    );
    await assert.rejects(lease.renew(), { code: 'LEASE_LOST' });
    await assert.rejects(coordinator.commit([], [{ key, value: 'late', leaseId: lease.id }]), { code: 'LEASE_LOST' });
    assert.equal(await coordinator.get(key), undefined);
    await lease.revoke();
  });

  test(`${name}: a lease that is given back takes its keys with it at once`, async (t) => {
    const coordinator = await open(t);
    const key = `${freshPrefix()}leased`;
    const lease = await coordinator.openLease(20_000);
    assert.equal(lease.ttlMs, 20_000);
    await coordinator.commit([], [{ key, value: 'mine', leaseId: lease.id }]);
    await lease.revoke();
    assert.equal(await coordinator.get(key), undefined);
    await assert.rejects(lease.renew(), { code: 'LEASE_LOST' });
  });

  test(`${name}: a key leaves its lease when it is put without one, or under another`, async (t) => {
    const coordinator = await open(t);
    const prefix = freshPrefix();
    const [first, second] = [await coordinator.openLease(20_000), await coordinator.openLease(20_000)];
    await coordinator.commit(
      [],
      [
        { key: `${prefix}a`, value: '1', leaseId: first.id },
        { key: `${prefix}b`, value: '1', leaseId: first.id },
      ],
    );
    await coordinator.commit(
      [],
      [
        { key: `${prefix}a`, value: '2' },
        { key: `${prefix}b`, value: '2', leaseId: second.id },
      ],
    );
    await first.revoke();
    assert.equal((await coordinator.list(prefix)).entries.length, 2);
    await second.revoke();
    assert.deepEqual(
      (await coordinator.list(prefix)).entries.map(({ key }) => key),
      [`${prefix}a`],
    );
  });

  test(`${name}: a listener that throws is called again`, async (t) => {
    const coordinator = await open(t);
    const prefix = freshPrefix();
    let calls = 0;
    coordinator.watch(prefix, {
      changed: () => {
        calls += 1;
        throw new Error('the listener of a test');
      },
    });
    await until('it was called', () => calls > 0);
    const before = calls;
    await coordinator.commit([], [{ key: `${prefix}a`, value: '' }]);
    await until('it was called again', () => calls > before);
  });

  test(`${name}: what is too large or makes no sense is refused and changes nothing`, async (t) => {
    const coordinator = await open(t);
    const prefix = freshPrefix();
    const key = `${prefix}key`;
    const put = (...keys: string[]) => keys.map((each) => ({ key: each, value: 'x' }));
    const many = Array.from({ length: 101 }, (_, i) => `${prefix}${i}`);
    const largest = 'x'.repeat(maxCoordinatorValueBytes);
    for (const [changes, code] of [
      [[{ key, value: `${largest}x` }], 'MESSAGE_TOO_LARGE'],
      [put('k'.repeat(1025)), 'MESSAGE_TOO_LARGE'],
      [put(...many), 'MESSAGE_TOO_LARGE'],
      [many.slice(0, 5).map((each) => ({ key: each, value: largest })), 'MESSAGE_TOO_LARGE'],
      [put(key, key), 'INVALID_ARGUMENT'],
      [put(''), 'INVALID_ARGUMENT'],
      [put('a\0b'), 'INVALID_ARGUMENT'],
    ] as const) {
      await assert.rejects(coordinator.commit([], changes), { code });
    }
    for (const wrong of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      await assert.rejects(coordinator.openLease(wrong), { code: 'INVALID_ARGUMENT' });
    }
    await assert.rejects(coordinator.get(''), { code: 'INVALID_ARGUMENT' });
    assert.deepEqual((await coordinator.list(prefix)).entries, []);
    assert.ok((await coordinator.commit([], [{ key, value: largest }])).done);
    assert.equal((await coordinator.get(key))?.value, largest);
  });

  test(`${name}: more entries than are read at once are refused, not cut off`, async (t) => {
    const coordinator = await open(t);
    const prefix = freshPrefix();
    const key = (i: number) => `${prefix}${String(i).padStart(4, '0')}`;
    for (let i = 0; i < maxCoordinatorEntries; i += 100) {
      await coordinator.commit(
        [],
        Array.from({ length: 100 }, (_, j) => ({ key: key(i + j), value: '' })),
      );
    }
    assert.equal((await coordinator.list(prefix)).entries.length, maxCoordinatorEntries);
    await coordinator.commit([], [{ key: key(maxCoordinatorEntries), value: '' }]);
    await assert.rejects(coordinator.list(prefix), { code: 'RESULT_TOO_LARGE' });
    for (let i = 0; i <= maxCoordinatorEntries; i += 100) {
      await coordinator.commit(
        [],
        Array.from({ length: 100 }, (_, j) => ({ key: key(i + j), value: undefined })),
      );
    }
  });

  test(`${name}: a closed coordinator refuses calls`, async (t) => {
    const coordinator = await open(t);
    await coordinator[Symbol.asyncDispose]();
    await assert.rejects(coordinator.get('key'), { code: 'CANCELLED' });
  });
}
