import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedPositions } from './shared-positions.ts';
import { WriterPulse, WriterTurns } from './writer-pulse.ts';

test('a writer is silent from when it was first seen at a thing until it is done with it, also with what that began', () => {
  let nowMs = 1_000;
  const positions = new SharedPositions();
  const turns = new WriterTurns(positions);
  const pulse = new WriterPulse(new SharedPositions(positions.buffer), {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
  });
  assert.equal(pulse.silentMs(), 0);
  nowMs = 2_000;
  assert.equal(pulse.silentMs(), 0);
  turns.run(() => {
    assert.equal(pulse.silentMs(), 0);
    turns.run(() => {});
    nowMs = 5_000;
    assert.equal(pulse.silentMs(), 3_000);
  });
  assert.equal(pulse.silentMs(), 0);
  assert.throws(() =>
    turns.run(() => {
      throw new Error('of a statement');
    }),
  );
  nowMs = 9_000;
  assert.equal(pulse.silentMs(), 0);
  turns.run(() => assert.equal(pulse.silentMs(), 0));

  const fired: number[] = [];
  const timers = turns.counting({
    after: (_delayMs, action) => {
      action();
      return { cancel: () => {} };
    },
    sleep: () => Promise.resolve(),
  });
  timers.after(0, () => {
    pulse.silentMs();
    nowMs = 12_000;
    fired.push(pulse.silentMs());
  });
  assert.deepEqual(fired, [3_000]);
});
