import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPath, maxPathLength, ownPath } from './upstream-path.ts';

test('a replica refuses an upstream that follows it, however far up', () => {
  assert.throws(() => checkPath('a/x', ['a/x']), { code: 'REPLICATION_LOOP' });
  assert.throws(() => checkPath('a/x', ['b/x', 'c/x', 'a/x']), { code: 'REPLICATION_LOOP', message: /b\/x, c\/x/ });
  checkPath('a/x', ['b/x', 'a/y']);
});

test('a chain has a longest length, and a path never grows beyond it', () => {
  const longest = Array.from({ length: maxPathLength }, (_, index) => `n${index}/x`);
  assert.throws(() => checkPath('a/x', longest), { code: 'REPLICATION_LOOP' });
  checkPath('a/x', longest.slice(1));
  assert.equal(ownPath('a/x', longest).length, maxPathLength);
  assert.equal(ownPath('a/x', longest)[0], 'a/x');
});
