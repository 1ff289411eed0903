import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displayWidth, truncateToWidth } from './display-width.ts';

test('wide characters and emoji take two cells, marks none, half-width forms one', () => {
  const widths: readonly (readonly [string, number])[] = [
    ['', 0],
    ['plain', 5],
    ['naïve', 5],
    ['e\u0301', 1],
    ['日本語', 6],
    ['한글', 4],
    ['ｶﾅ', 2],
    ['Ａ', 2],
    ['👩‍👩‍👧', 2],
    ['🇩🇪', 2],
    ['❤️', 2],
    ['a\u200bb', 2],
  ];
  for (const [text, width] of widths) {
    assert.equal(displayWidth(text), width, JSON.stringify(text));
  }
});

test('a text is cut between characters and fits with its mark', () => {
  assert.equal(truncateToWidth('fits', 4), 'fits');
  assert.equal(truncateToWidth('fits not', 5), 'fits…');
  assert.equal(truncateToWidth('日本語', 5), '日本…');
  assert.equal(truncateToWidth('日本語', 4), '日…');
  assert.equal(truncateToWidth('👩‍👩‍👧👩‍👩‍👧', 3), '👩‍👩‍👧…');
});
