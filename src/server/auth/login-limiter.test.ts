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

test('an attacker who invents names and addresses cannot fill the memory: the oldest failures are forgotten', () => {
  const { limiter, isRefused } = fixture();
  for (let index = 0; index < 5; index += 1) {
    limiter.failed('ada', '10.0.0.1');
  }
  assert.equal(isRefused('ada', '10.0.0.1'), true);
  for (let index = 0; index < 10_000; index += 1) {
    limiter.failed(`user${index}`, `10.1.${index >> 8}.${index & 255}`);
  }
  assert.equal(isRefused('ada', '10.0.0.1'), false);
});

test('of a user name no more is kept than the longest that a user can have', () => {
  const { limiter, isRefused } = fixture();
  for (let index = 0; index < 5; index += 1) {
    limiter.failed(`${'x'.repeat(100)}${index}`, '10.0.0.1');
  }
  assert.equal(isRefused('x'.repeat(200), '10.0.0.1'), true);
});
