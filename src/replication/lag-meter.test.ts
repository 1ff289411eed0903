import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LagMeter } from './lag-meter.ts';

const silenceMs = 2000;

function meterAt(time: { ms: number }): LagMeter {
  return new LagMeter({ nowMs: () => 0, monotonicMs: () => time.ms }, silenceMs);
}

const upstream = (tipTxId: number, commitTxId = tipTxId, unsentBytes = 0) => ({
  tipTxId,
  commitTxId,
  unsentBytes,
  counts: false,
});
const own = (durable: number, applied = durable, unappliedBytes = 0) => ({
  durable,
  commit: applied,
  applied,
  unappliedBytes,
});

test('a replica that shows everything is behind by nothing, however long its upstream is idle', () => {
  const time = { ms: 0 };
  const lag = meterAt(time);
  lag.heard(upstream(5));
  lag.moved(own(5));
  for (time.ms = 500; time.ms < 10_000; time.ms += 500) {
    lag.heard(upstream(5));
    assert.deepEqual([lag.lagMs, lag.lagTransactions, lag.lagBytes], [0, 0, 0]);
  }
});

test('lag grows from the moment the replica last showed everything', () => {
  const time = { ms: 0 };
  const lag = meterAt(time);
  lag.heard(upstream(5));
  lag.moved(own(5));
  time.ms = 100;
  lag.heard(upstream(9, 8));
  time.ms = 350;
  assert.deepEqual([lag.lagMs, lag.lagTransactions, lag.upstreamTipTxId], [350, 3, 9]);
  lag.moved(own(8));
  assert.deepEqual([lag.lagMs, lag.lagTransactions], [0, 0]);
});

test('an upstream that has fallen silent makes the replica stale', () => {
  const time = { ms: 0 };
  const lag = meterAt(time);
  lag.heard(upstream(5));
  lag.moved(own(5));
  time.ms = silenceMs + 1;
  assert.equal(lag.lagMs, silenceMs + 1);
});

test('what a delayed replica holds is told apart from what it shows', () => {
  const time = { ms: 0 };
  const lag = meterAt(time);
  lag.moved(own(5));
  lag.heard(upstream(9, 9, 400));
  time.ms = 100;
  assert.deepEqual([lag.receivedLagTransactions, lag.receivedLagBytes, lag.receivedLagMs], [4, 400, 100]);
  lag.arrived(400, 9);
  assert.equal(lag.receivedLagBytes, 400, 'what has arrived is not on disk yet');
  lag.stored(400);
  lag.moved(own(9, 5, 400));
  assert.deepEqual([lag.receivedLagTransactions, lag.receivedLagBytes, lag.receivedLagMs], [0, 0, 0]);
  assert.deepEqual([lag.lagTransactions, lag.lagBytes, lag.lagMs], [4, 400, 100]);
});

test('a new stream to an upstream that has cut its log measures by what it has now', () => {
  const lag = meterAt({ ms: 0 });
  lag.moved(own(5));
  lag.started(upstream(9, 5, 400));
  assert.deepEqual([lag.receivedLagTransactions, lag.receivedLagBytes], [4, 400]);
  lag.started(upstream(5));
  assert.deepEqual([lag.receivedLagTransactions, lag.receivedLagBytes], [0, 0]);
});

test('how old what is shown may be is not known before the upstream has spoken, and grows from each of its words', () => {
  const time = { ms: 1_000 };
  const lag = meterAt(time);
  lag.moved(own(5));
  assert.equal(lag.staleMs, Infinity);
  lag.heard(upstream(6));
  assert.equal(lag.staleMs, Infinity);
  lag.moved(own(6));
  time.ms += 300;
  assert.equal(lag.staleMs, 300);
  lag.heard(upstream(6));
  assert.equal(lag.staleMs, 0);
  lag.heard(upstream(7));
  time.ms += 50;
  assert.equal(lag.staleMs, 50);
});
