import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namePatterns } from './name-patterns.ts';

const names = ['shop', 'shop-eu', 'myshop', 'orders', 'test_1'];

function matching(include?: string, exclude?: string): string[] {
  return names.filter(namePatterns(include, exclude));
}

test('a pattern is a whole name, a star any text, and what is excluded wins', () => {
  assert.deepEqual(matching(), names);
  assert.deepEqual(matching('shop'), ['shop']);
  assert.deepEqual(matching('shop*'), ['shop', 'shop-eu']);
  assert.deepEqual(matching('*shop*, orders'), ['shop', 'shop-eu', 'myshop', 'orders']);
  assert.deepEqual(matching('*', 'test_*,*-eu'), ['shop', 'myshop', 'orders']);
  assert.deepEqual(matching('shop*', '*'), []);
  assert.deepEqual(matching(''), []);
});

test('what cannot be the name of a database is no pattern', () => {
  for (const pattern of ['Shop', 'a b', 'a?', '[ab]', 'a/b']) {
    assert.throws(() => namePatterns(pattern, undefined), { code: 'INVALID_ARGUMENT' });
    assert.throws(() => namePatterns(undefined, pattern), { code: 'INVALID_ARGUMENT' });
  }
});
