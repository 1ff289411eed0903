import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoginLimiter } from './login-limiter.ts';

function fixture() {
  const time = { nowMs: 1_000 };
  const limiter = new LoginLimiter({ nowMs: () => time.nowMs, monotonicMs: () => time.nowMs });
  const isRefused = (user: string, address: string) => {
    try {
      limiter.check(user, address);
      return false;
    } catch {
      return true;
    }
  };
  return { time, limiter, isRefused };
}

test('guessing one password from many addresses is slowed down, except where the user has logged in before', () => {
  const { time, limiter, isRefused } = fixture();
  limiter.succeeded('ada', '10.0.0.1');
  for (let index = 0; index < 60; index += 1) {
    assert.equal(isRefused('ada', `10.1.0.${index}`), false);
    limiter.failed('ada', `10.1.0.${index}`);
  }
  assert.equal(isRefused('ada', '10.2.0.1'), true);
  assert.equal(isRefused('grace', '10.2.0.1'), false);
  assert.equal(isRefused('ada', '10.0.0.1'), false);
  time.nowMs += 60_001;
  assert.equal(isRefused('ada', '10.2.0.1'), false);
});

test('many names at one address are slowed down together, and the addresses of one IPv6 network count as one', () => {
  const { limiter, isRefused } = fixture();
  for (let index = 0; index < 30; index += 1) {
    limiter.failed(`user${index}`, `[2001:db8:1:2::${index.toString(16)}]`);
  }
  assert.equal(isRefused('ada', '[2001:db8:1:2:ffff::1]'), true);
  assert.equal(isRefused('ada', '[2001:db8:1:3::1]'), false);
  assert.equal(isRefused('ada', '::ffff:10.0.0.1'), false);
});

test('an attacker who invents names cannot fill the memory', () => {
  const { limiter } = fixture();
  const before = process.memoryUsage().heapUsed;
  for (let index = 0; index < 100_000; index += 1) {
    limiter.failed(`${index}${'x'.repeat(10_000)}`, `10.${index % 250}.${(index >> 8) % 250}.1`);
  }
  assert.ok(process.memoryUsage().heapUsed - before < 100 * 1024 * 1024);
});
