import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError } from '../errors/interface.ts';
import { DatabaseStatus, ReplicatorStatus, StatusResponse } from '../proto/interface.ts';
import { NodeMonitor, type StatusSource } from './node-monitor.ts';

function monitorOf(source: StatusSource, time = { nowMs: 0 }): NodeMonitor {
  const clock = { nowMs: () => time.nowMs, monotonicMs: () => time.nowMs };
  return new NodeMonitor({ node: 'replica-1', database: 'store', source, user: 'admin', password: 'pw', clock });
}

/** A message without any field: every field at its default. */
const nothing = new Uint8Array();

function replicaStatus(appliedTxId: number): StatusResponse {
  const blank = DatabaseStatus.decode(nothing);
  const replicator = { ...ReplicatorStatus.decode(nothing), state: 'streaming', lagTransactions: 7, lagMs: 12.5 };
  const store = { ...blank, database: 'store', role: 'replica', state: 'open', appliedTxId, replicator };
  const other = { ...blank, database: 'defaultdb', role: 'primary' };
  return { ...StatusResponse.decode(nothing), databases: [other, store] };
}

test('a replica is shown with its position, its lag and its rate', async () => {
  const time = { nowMs: 0 };
  let applied = 100;
  const monitor = monitorOf({ login: async () => {}, status: async () => replicaStatus(applied) }, time);
  await monitor.poll();
  [applied, time.nowMs] = [150, 500];
  assert.deepEqual(await monitor.poll(), {
    node: 'replica-1',
    role: 'replica',
    state: 'streaming',
    position: 150,
    lagTransactions: 7,
    lagMs: 12.5,
    transactionsPerSecond: 100,
  });
});

test('a node that is gone is shown as not reachable, and is logged in to again when it is back', async () => {
  let up = true;
  let logins = 0;
  const refuse = () => Promise.reject(new QuorateError('UNAVAILABLE', 'connection refused'));
  const monitor = monitorOf({
    login: () => {
      logins += 1;
      return Promise.resolve();
    },
    status: () => (up ? Promise.resolve(replicaStatus(1)) : refuse()),
  });
  await monitor.poll();
  up = false;
  const row = await monitor.poll();
  assert.deepEqual([row.state, row.position], ['not reachable', undefined]);
  up = true;
  assert.equal((await monitor.poll()).state, 'streaming');
  assert.equal(logins, 2);
});
