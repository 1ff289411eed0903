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

function upstream(
  history: string,
  role: Role = 'primary',
  exportable = history.length,
  firstTxId = 1,
): ReplicationSource {
  const positions = { tip: history.length, durable: history.length, commit: exportable, applied: exportable, term: 1 };
  return {
    databaseId: new Uint8Array(16),
    role,
    positions: () => positions,
    exportableTxId: () => exportable,
    positionOf: async (txId) => (txId <= history.length && txId >= firstTxId - 1 ? at(history, txId) : undefined),
    read: () => Promise.reject(new Error('not used')),
    subscribe: () => () => {},
    acknowledge: () => {},
    cutCount: () => 0,
    firstTxId: () => firstTxId,
    hold: () => {},
    logBytes: () => 0,
    tipBytes: () => 0,
    bytesAt: () => Promise.resolve(0),
    databaseBytes: () => 0,
    awaited: () => undefined,
    awaitedCount: () => 0,
    ackMembers: () => [],
    traces: () => [],
    asksForAcks: () => false,
  };
}

/** Without the positions in between when `offered` is false. */
function ends(history: string, committed: number, offered = true) {
  const between = Array.from({ length: Math.max(0, history.length - committed - 1) }, (_, index) =>
    at(history, history.length - 1 - index),
  );
  return { durable: at(history, history.length), committed: at(history, committed), between: offered ? between : [] };
}

test('a replica whose log is a prefix goes on at its end', async () => {
  assert.equal((await commonPosition(upstream('abcdef'), ends('abc', 1))).txId, 3);
  assert.equal((await commonPosition(upstream('abcdef'), ends('', 0))).txId, 0);
});

test('a tail that was never committed is cut down to what was', async () => {
  assert.equal((await commonPosition(upstream('abcdef'), ends('abcX', 3))).txId, 3);
  assert.equal((await commonPosition(upstream('abc'), ends('abcXY', 2))).txId, 3);
  assert.equal((await commonPosition(upstream('abc'), ends('XY', 0))).txId, 0);
});

test('nothing that both have is cut, however little the replica knows to be committed', async () => {
  for (let common = 0; common <= 6; common += 1) {
    const replica = `${'abcdef'.slice(0, common)}XYZ`;
    assert.equal((await commonPosition(upstream('abcdef'), ends(replica, 0))).txId, common);
    assert.equal((await commonPosition(upstream('abcdef'), ends(replica, 0, false))).txId, 0);
  }
});

test('another committed history is divergence', async () => {
  await assert.rejects(commonPosition(upstream('abcdef'), ends('abX', 3)), { code: 'DIVERGED' });
  await assert.rejects(commonPosition(upstream('abc'), ends('abcX', 4)), { code: 'DIVERGED' });
});

test('an upstream that is a replica and behind is not divergence, and nothing is cut for it', async () => {
  await assert.rejects(commonPosition(upstream('abcd', 'replica', 2), ends('abcd', 3)), { code: 'UNAVAILABLE' });
});

test('a replica that ends before the log of its upstream begins needs a snapshot, and is not called diverged', async () => {
  const short = upstream('abcdefgh', 'primary', 8, 5);
  await assert.rejects(commonPosition(short, ends('abc', 3)), { code: 'SNAPSHOT_REQUIRED' });
  await assert.rejects(commonPosition(short, ends('', 0)), { code: 'SNAPSHOT_REQUIRED' });
  await assert.rejects(commonPosition(short, ends('abcxyz', 2)), { code: 'SNAPSHOT_REQUIRED' });
  assert.equal((await commonPosition(short, ends('abcd', 4))).txId, 4);
});

test('a tail that is older than the end of a replica is not ahead of it, and may go', async () => {
  const source = upstream('abcx', 'replica');
  const later: ReplicationSource = {
    ...source,
    positionOf: async (txId) => {
      const position = await source.positionOf(txId);
      return position && { ...position, term: txId === 4 ? 2 : 1 };
    },
  };
  const ends = { durable: at('abcdef', 6), committed: at('abc', 3), between: [] };
  await assert.rejects(commonPosition(source, ends), { code: 'UNAVAILABLE' });
  assert.equal((await commonPosition(later, ends)).txId, 3);
});
