import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodePosition, encodePosition, laterPosition } from './position-token.ts';

test('a token gives its position back', () => {
  const position = { term: 3, txId: Number.MAX_SAFE_INTEGER };
  assert.deepEqual(decodePosition(encodePosition(position)), position);
});

test('a token that was tampered with is refused', () => {
  for (const token of ['', 'q1-1', 'q2-1-1', 'q1--1', 'q1-1-zzzzzzzzzzz', 'q1-1-1 ']) {
    assert.throws(() => decodePosition(token), { code: 'INVALID_ARGUMENT' }, token);
  }
});

test('a position of a higher term is later, whatever its number', () => {
  const old = { term: 1, txId: 100 };
  const lower = { term: 2, txId: 60 };
  assert.equal(laterPosition(old, lower), lower);
  assert.equal(laterPosition(lower, old), lower);
  assert.equal(laterPosition(lower, { term: 2, txId: 59 }), lower);
});
