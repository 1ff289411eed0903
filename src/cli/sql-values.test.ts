import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toJson } from './output.ts';
import { parseParameters, parseSqlValue, sqlCell, sqlJson } from './sql-values.ts';
import { renderTable } from './text-table.ts';

test('a parameter is read as the value that it looks like, and quotes make it text', () => {
  assert.equal(parseSqlValue('9223372036854775807'), 9223372036854775807n);
  assert.equal(parseSqlValue('-7'), -7n);
  assert.equal(parseSqlValue('9223372036854775808'), 2 ** 63);
  assert.equal(parseSqlValue('1e3'), 1000);
  assert.equal(parseSqlValue('.5'), 0.5);
  assert.equal(parseSqlValue('NULL'), null);
  assert.deepEqual(parseSqlValue("X'00fF'"), Buffer.from([0, 255]));
  assert.equal(parseSqlValue('"7"'), '7');
  assert.equal(parseSqlValue(''), '');
  assert.equal(parseSqlValue('2026-11-20'), '2026-11-20');
  assert.equal(parseSqlValue('"'), '"');
});

test('parameters are all positional or all named', () => {
  assert.equal(parseParameters([]), undefined);
  assert.deepEqual(parseParameters(['1', 'a=b']), [1n, 'a=b']);
  assert.deepEqual(parseParameters([':id=7', '$name=x=y']), { id: 7n, name: 'x=y' });
  assert.throws(() => parseParameters([':id=7', '8']), { code: 'INVALID_ARGUMENT' });
});

test('no text from a database reaches the terminal as a control character', () => {
  assert.equal(sqlCell('\u001b[2J\u0007\r\n\u009b1m').text, '\\x1b[2J\\x07\\r\\n\\x9b1m');
});

test('reals are told from integers in tables, and JSON keeps what JavaScript numbers cannot', () => {
  assert.equal(sqlCell(2).text, '2.0');
  assert.equal(sqlCell(2n).text, '2');
  assert.equal(sqlCell(-0).text, '-0.0');
  assert.equal(toJson([2n ** 63n - 1n, Infinity].map(sqlJson)), '[9223372036854775807,{"real":"Infinity"}]');
});

test('columns are as wide as their widest cell, numbers to the right', () => {
  const rows = [
    [{ text: 'é😀' }, { text: '7', align: 'right' as const }],
    [{ text: 'a' }, { text: '100', align: 'right' as const }],
  ];
  assert.equal(renderTable(['n', 'v'], rows), 'n      v\n---  ---\né😀    7\na    100\n');
});
