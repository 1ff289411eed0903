import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displayWidth } from '../display-width.ts';
import { resultText } from './result-text.ts';

const long = 'x'.repeat(100);

test('a table fits the terminal: short columns keep their room, long ones share the rest', () => {
  const text = resultText({ columns: ['id', 'first', 'second'], rows: [[1n, long, long]] }, 'table', 40);
  for (const line of text.trimEnd().split('\n')) {
    assert.ok(displayWidth(line) <= 40, line);
  }
  assert.match(text, /^ 1 {2}x{16}… {2}x{16}…$/m);
});

test('without a terminal nothing is cut', () => {
  assert.match(resultText({ columns: ['a'], rows: [[long]] }, 'table', undefined), new RegExp(long));
});

test('more columns than the terminal has room for become a line for each value', () => {
  const columns = Array.from({ length: 12 }, (_, i) => `column${i}`);
  const text = resultText({ columns, rows: [columns.map((_, i) => BigInt(i))] }, 'table', 40);
  assert.equal(text.split('\n')[0], ' column0 = 0');
  assert.equal(text.trimEnd().split('\n').length, 12);
});

test('no control character reaches the terminal, be it in a value or in the name of a column', () => {
  const result = { columns: ['\u001b[2J'], rows: [['\u001b[31m\u0007']] };
  for (const mode of ['table', 'line', 'list'] as const) {
    assert.doesNotMatch(resultText(result, mode, 80), /[^\P{Cc}\n]/u, mode);
  }
});
