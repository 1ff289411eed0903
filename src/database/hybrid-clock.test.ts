import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HybridClock } from './hybrid-clock.ts';

function clockAt(times: number[]): HybridClock {
  return new HybridClock({ nowMs: () => times.shift() ?? 0, monotonicMs: () => 0 });
}

test('times never repeat and never go back, even when the wall clock does', () => {
  const clock = clockAt([1000, 1000, 900, 1001]);
  const times = Array.from({ length: 4 }, () => clock.next());
  assert.deepEqual(times, [
    { timeMs: 1000, timeCounter: 0 },
    { timeMs: 1000, timeCounter: 1 },
    { timeMs: 1000, timeCounter: 2 },
    { timeMs: 1001, timeCounter: 0 },
  ]);
});

test('times are later than any that was observed', () => {
  const clock = clockAt([1000]);
  clock.observe({ timeMs: 5000, timeCounter: 0xffff });
  assert.deepEqual(clock.next(), { timeMs: 5001, timeCounter: 0 });
});
