import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateMeter } from './rate-meter.ts';

test('a steady counter has its rate from the second sample on', () => {
  const meter = new RateMeter(2_000);
  meter.add(100, 0);
  assert.equal(meter.perSecond, undefined);
  meter.add(150, 500);
  assert.equal(meter.perSecond, 100);
});

test('what happened before the window is forgotten', () => {
  const meter = new RateMeter(2_000);
  meter.add(0, 0);
  meter.add(10_000, 1_000);
  for (let timeMs = 2_000; timeMs <= 6_000; timeMs += 500) {
    meter.add(10_000, timeMs);
  }
  assert.equal(meter.perSecond, 0);
});

test('a counter that went back begins anew instead of showing a negative rate', () => {
  const meter = new RateMeter(2_000);
  meter.add(1_000, 0);
  meter.add(5, 500);
  assert.equal(meter.perSecond, undefined);
  meter.add(10, 1_000);
  assert.equal(meter.perSecond, 10);
});
