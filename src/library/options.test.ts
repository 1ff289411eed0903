import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { hostOptions } from './options.ts';

test('limits that are not given have the default of the server option of the same name', () => {
  const { limits, directory } = hostOptions({
    directory: 'data',
    limits: { queryTimeoutMs: 7, maxDatabases: undefined },
  });
  assert.equal(limits.queryTimeoutMs, 7);
  assert.equal(limits.maxDatabases, 1000);
  assert.equal(limits.heartbeatIntervalMs, 500);
  assert.equal(directory, path.resolve('data'));
});

test('a limit that does not exist or is out of its range is refused, so that a typing error is not ignored', () => {
  const misspelt = { queryTimeout: 5 } as Record<string, number>;
  assert.throws(() => hostOptions({ directory: 'data', limits: misspelt }), { code: 'INVALID_ARGUMENT' });
  for (const value of [0, -1, 1.5, Number.NaN, '5s' as unknown as number]) {
    assert.throws(() => hostOptions({ directory: 'data', limits: { queryTimeoutMs: value } }), {
      code: 'INVALID_ARGUMENT',
      message: /queryTimeoutMs/,
    });
  }
});

test('a node without a folder is refused', () => {
  assert.throws(() => hostOptions({ directory: '' }), { code: 'INVALID_ARGUMENT' });
});
