import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReplicationSource, Role } from '../database/interface.ts';
import type { LogPosition } from '../log/interface.ts';
import { commonPosition } from './common-position.ts';

/** A history as one letter for each transaction: equal letters up to a place are an equal history. */
function at(history: string, txId: number): LogPosition {
  const hash = new Uint8Array(32);
  hash.set(Buffer.from(history.slice(0, txId)).subarray(0, 32));
  return { txId, term: 1, hash };
}

function upstream(history: string, role: Role = 'primary', exportable = history.length): ReplicationSource {
  const positions = { tip: history.length, durable: history.length, commit: exportable, applied: exportable, term: 1 };
  return {
    databaseId: new Uint8Array(16),
    role,
    positions: () => positions,
    exportableTxId: () => exportable,
    positionOf: async (txId) => (txId <= history.length ? at(history, txId) : undefined),
    read: () => Promise.reject(new Error('not used')),
    subscribe: () => () => {},
  };
}

function ends(history: string, committed: number) {
  return { durable: at(history, history.length), committed: at(history, committed) };
}

test('a replica whose log is a prefix goes on at its end', async () => {
  assert.equal((await commonPosition(upstream('abcdef'), ends('abc', 1))).txId, 3);
  assert.equal((await commonPosition(upstream('abcdef'), ends('', 0))).txId, 0);
});

test('a tail that was never committed is cut down to what was', async () => {
  assert.equal((await commonPosition(upstream('abcdef'), ends('abcX', 3))).txId, 3);
  assert.equal((await commonPosition(upstream('abc'), ends('abcXY', 2))).txId, 2);
  assert.equal((await commonPosition(upstream('abc'), ends('XY', 0))).txId, 0);
});

test('another committed history is divergence', async () => {
  await assert.rejects(commonPosition(upstream('abcdef'), ends('abX', 3)), { code: 'DIVERGED' });
  await assert.rejects(commonPosition(upstream('abc'), ends('abcX', 4)), { code: 'DIVERGED' });
});

test('an upstream that is a replica and behind is not divergence, and nothing is cut for it', async () => {
  await assert.rejects(commonPosition(upstream('abcd', 'replica', 2), ends('abcd', 3)), { code: 'UNAVAILABLE' });
});
