import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowObjects } from './row-objects.ts';

test('a column may have any name without becoming a member that every object has', () => {
  const [row] = rowObjects<Record<string, unknown>>({ columns: ['__proto__', 'toString'], rows: [[1, null]] });
  assert.deepEqual(Object.entries(row ?? {}), [
    ['__proto__', 1],
    ['toString', null],
  ]);
});

test('of two columns with one name the last one wins', () => {
  const rows = rowObjects<{ a: number }>({ columns: ['a', 'a'], rows: [[1, 2]] });
  assert.equal(rows[0]?.a, 2);
});
