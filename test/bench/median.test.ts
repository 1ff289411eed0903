import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, medianRatio, percentile } from '../../bench/measuring/median.ts';

test('the median of an even number of values lies between the two in the middle, in whatever order they come', () => {
  assert.equal(median([9, 1, 3]), 3);
  assert.equal(median([10, 1, 2, 4]), 3);
  assert.equal(median([10, 9, 100]), 10);
});

test('ratios are taken within a round, so a slow round of both contestants changes nothing', () => {
  assert.equal(medianRatio([200, 20, 400], [100, 10, 200]), 2);
});

test('percentiles reach up to the largest value, and of nothing there is none', () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.equal(percentile(values, 0.99), 100);
  assert.equal(percentile(values, 0.5), 51);
  assert.equal(percentile(values, 1), 100);
  assert.ok(Number.isNaN(percentile([], 0.5)));
});
