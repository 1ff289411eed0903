import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LagMeter } from './lag-meter.ts';

function meterAt(time: { ms: number }): LagMeter {
  return new LagMeter({ nowMs: () => 0, monotonicMs: () => time.ms }, 2000);
}

test('a replica that shows everything is behind by nothing, however long its upstream is idle', () => {
  const time = { ms: 0 };
  const lag = meterAt(time);
  lag.heard(5, 5);
  lag.applied(5);
  for (time.ms = 500; time.ms < 10_000; time.ms += 500) {
    lag.heard(5, 5);
    assert.deepEqual([lag.lagMs, lag.lagTransactions], [0, 0]);
  }
});

test('lag grows from the moment the replica last showed everything', () => {
  const time = { ms: 0 };
  const lag = meterAt(time);
  lag.heard(5, 5);
  lag.applied(5);
  time.ms = 100;
  lag.heard(9, 8);
  time.ms = 350;
  assert.deepEqual([lag.lagMs, lag.lagTransactions, lag.upstreamTipTxId], [350, 3, 9]);
  lag.applied(8);
  assert.deepEqual([lag.lagMs, lag.lagTransactions], [0, 0]);
});

test('an upstream that has fallen silent makes the replica stale', () => {
  const time = { ms: 0 };
  const lag = meterAt(time);
  lag.heard(5, 5);
  lag.applied(5);
  time.ms = 2001;
  assert.equal(lag.lagMs, 2001);
});

test('what a delayed replica holds is told apart from what it shows', () => {
  const time = { ms: 0 };
  const lag = meterAt(time);
  lag.applied(5);
  lag.received(5);
  lag.heard(9, 9);
  time.ms = 100;
  assert.deepEqual([lag.receivedLagTransactions, lag.receivedLagMs], [4, 100]);
  lag.received(9);
  assert.deepEqual([lag.receivedLagTransactions, lag.receivedLagMs], [0, 0]);
  assert.deepEqual([lag.lagTransactions, lag.lagMs], [4, 100]);
});
