import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatBytes, formatDuration, parseBytes, parseDurationMs } from './units.ts';

test('a size or a duration that is shown reads back as the same number', () => {
  const amount = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  fc.assert(fc.property(amount, (bytes) => parseBytes(formatBytes(bytes)) === bytes));
  fc.assert(fc.property(amount, (ms) => parseDurationMs(formatDuration(ms)) === ms));
});

test('units are read in any case, and decimal ones are not binary ones', () => {
  assert.equal(parseBytes('1mib'), 1_048_576);
  assert.equal(parseBytes('1 MB'), 1_000_000);
  assert.equal(parseDurationMs('1.5H'), 5_400_000);
});

test('minutes and milliseconds are not mixed up', () => {
  assert.equal(parseDurationMs('5m'), 300_000);
  assert.equal(parseDurationMs('5ms'), 5);
});

test('what has no unit, a sign or an unknown unit is no duration; 0 needs none', () => {
  for (const text of ['', '5', '-5s', '5 parsecs', 's', '1e3s', 'Infinity']) {
    assert.equal(parseDurationMs(text), undefined, text);
  }
  assert.equal(parseDurationMs('0'), 0);
});

test('the shortest exact form is shown', () => {
  assert.deepEqual([formatBytes(16_777_216), formatBytes(1500), formatBytes(0)], ['16MiB', '1500B', '0B']);
  assert.deepEqual([formatDuration(60_000), formatDuration(90_000), formatDuration(1)], ['1m', '90s', '1ms']);
});
