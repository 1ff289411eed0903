import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SnapshotPace } from './snapshot-pace.ts';

interface Writers {
  /** Transactions per millisecond while a snapshot is sent, and while it rests. */
  readonly whileSent: number;
  readonly whileResting: number;
}

/** Sends pieces of 5 ms for a minute of simulated time; returns the part of it that was work, and of the writes that was left. */
async function sendFor(tolerated: number, { whileSent, whileResting }: Writers) {
  const state = { nowMs: 0, committed: 0, workMs: 0 };
  const pace = new SnapshotPace({
    runtime: {
      clock: { nowMs: () => state.nowMs, monotonicMs: () => state.nowMs },
      timers: {
        after: () => ({ cancel: () => {} }),
        sleep: (delayMs) => {
          state.nowMs += delayMs;
          state.committed += delayMs * whileResting;
          return Promise.resolve();
        },
      },
    },
    committed: () => state.committed,
    tolerated,
    signal: new AbortController().signal,
  });
  while (state.nowMs < 60_000) {
    state.nowMs += 5;
    state.workMs += 5;
    state.committed += 5 * whileSent;
    await pace.step();
  }
  return { share: state.workMs / state.nowMs, left: state.committed / (state.nowMs * whileResting) };
}

test('without writers a snapshot never rests', async () => {
  const { share } = await sendFor(0.1, { whileSent: 0, whileResting: 0 });
  assert.equal(share, 1);
});

test('writers lose the part of their speed that is tolerated, whatever a snapshot costs them', async () => {
  for (const whileSent of [0.5, 1, 2]) {
    const { left } = await sendFor(0.2, { whileSent, whileResting: 5 });
    assert.ok(Math.abs(left - 0.8) < 0.02, `${left} is left`);
  }
});

test('writers that a snapshot costs nothing hardly slow it', async () => {
  const { share } = await sendFor(0.1, { whileSent: 5, whileResting: 5 });
  assert.ok(share > 0.85, `${share} of the time`);
});

test('a snapshot that takes everything from the writers still goes on', async () => {
  const { share } = await sendFor(0.01, { whileSent: 0.01, whileResting: 5 });
  assert.ok(Math.abs(share - 0.1) < 0.01, `${share} of the time`);
});

test('a snapshot that may take everything never rests', async () => {
  const { share } = await sendFor(1, { whileSent: 1, whileResting: 5 });
  assert.equal(share, 1);
});
