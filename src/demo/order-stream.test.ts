import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runOrderStream } from './order-stream.ts';

/** Time that passes only when somebody sleeps. */
function steppedTime() {
  let nowMs = 0;
  return {
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    timers: {
      after: () => ({ cancel: () => {} }),
      sleep: (delayMs: number) => {
        nowMs += delayMs;
        return Promise.resolve();
      },
    },
    passed: () => nowMs,
  };
}

const size = { customers: 10, products: 5, orders: 10 };

test('orders come at the pace that was asked for', async () => {
  const time = steppedTime();
  const stop = new AbortController();
  let orders = 0;
  const execute = async () => {
    orders += 1;
    if (orders === 50) {
      stop.abort();
    }
  };
  const options = {
    seed: 1,
    size,
    ordersPerSecond: 25,
    runtime: time,
    execute,
    onTrouble: () => assert.fail('an order failed'),
  };
  await runOrderStream(options, stop.signal);
  assert.equal(time.passed(), 2_000);
});

test('an order that fails is tried again, and trouble is told once until it is over', async () => {
  const time = steppedTime();
  const stop = new AbortController();
  const tried: string[] = [];
  let trouble = 0;
  const execute = async (statements: unknown) => {
    tried.push(JSON.stringify(statements).replace(/\d{4}-[^"]*Z/, ''));
    if (tried.length === 5) {
      stop.abort();
    }
    if (tried.length >= 2 && tried.length <= 4) {
      throw new Error('the primary is gone');
    }
  };
  const onTrouble = () => {
    trouble += 1;
  };
  await runOrderStream({ seed: 1, size, ordersPerSecond: 25, runtime: time, execute, onTrouble }, stop.signal);
  assert.equal(trouble, 1);
  assert.equal(new Set(tried.slice(1)).size, 1, 'the same order is tried again');
  assert.notEqual(tried[0], tried[1]);
});
