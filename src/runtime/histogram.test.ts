import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Histogram } from './histogram.ts';

test('an observation counts in the first bucket whose bound it does not pass, and in all above', () => {
  const histogram = new Histogram([1, 2, 4]);
  for (const value of [0, 1, 1.5, 4, 100]) {
    histogram.observe(value);
  }
  assert.deepEqual(histogram.read(), { bounds: [1, 2, 4], cumulative: [2, 3, 4, 5], sum: 106.5 });
});

test('a histogram in shared memory is read from another view of it', () => {
  const cells = new Float64Array(new SharedArrayBuffer(8 * Histogram.cellCount([1])));
  new Histogram([1], cells).observe(3);
  assert.deepEqual(new Histogram([1], new Float64Array(cells.buffer)).read(), {
    bounds: [1],
    cumulative: [0, 1],
    sum: 3,
  });
});
