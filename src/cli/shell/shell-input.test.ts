import assert from 'node:assert/strict';
import { test } from 'node:test';
import { complete } from './completion.ts';
import { CsvReader } from './csv-reader.ts';
import { StatementBuffer } from './statement-buffer.ts';

test('a semicolon in a string, a comment or the body of a trigger ends no statement', () => {
  const buffer = new StatementBuffer();
  const lines = [
    "SELECT ';",
    "';/* ;",
    '*/ CREATE TRIGGER t AFTER INSERT ON a BEGIN',
    ' DELETE FROM b;',
    'END; SELECT 1; SEL',
    'ECT 2',
  ];
  const found = lines.map((line, i) => buffer.add(line, i + 1));
  assert.deepEqual(found, [
    [],
    ["SELECT ';\n'"],
    [],
    [],
    ['CREATE TRIGGER t AFTER INSERT ON a BEGIN\n DELETE FROM b;\nEND', 'SELECT 1'],
    [],
  ]);
  assert.equal(buffer.isEmpty, false);
  assert.deepEqual(buffer.takeRest(), ['SEL\nECT 2']);
  assert.equal(buffer.isEmpty, true);
});

test('blank lines and comments begin no statement, so that a command may follow', () => {
  const buffer = new StatementBuffer();
  for (const line of ['', '  ', '-- words', 'SELECT 1; -- more']) {
    buffer.add(line, 1);
    assert.equal(buffer.isEmpty, true, line);
  }
  buffer.add('/* open', 5);
  assert.equal(buffer.isEmpty, false);
});

test('CSV is read however its text is cut into pieces', () => {
  const text = 'a,"b ""c"", d"\r\n,"line\r\nend"\nlast,"quoted\r"';
  const expected = [
    ['a', 'b "c", d'],
    ['', 'line\r\nend'],
    ['last', 'quoted\r'],
  ];
  for (let at = 0; at <= text.length; at++) {
    const reader = new CsvReader();
    const rows = [...reader.add(text.slice(0, at)), ...reader.add(text.slice(at)), ...reader.end()];
    assert.deepEqual(rows, expected, `cut at ${at}`);
  }
  const open = new CsvReader();
  assert.deepEqual([...open.add('a,"b\n')], []);
  assert.throws(() => [...open.end()], { code: 'INVALID_ARGUMENT' });
});

test('completion offers tables behind FROM, columns of a table behind its dot, keywords in the case that was begun', () => {
  const schema = new Map([
    ['orders', ['id', 'total sum']],
    ['people', ['id', 'name']],
  ]);
  const source = {
    commands: new Map([
      ['.mode', ['csv', 'json']],
      ['.nodes', []],
    ]),
    schema,
  };
  assert.deepEqual(complete('select * from ', source)[0], ['orders', 'people']);
  assert.deepEqual(complete('select people.', source)[0], ['id', 'name']);
  assert.deepEqual(complete('select orders.t', source), [['"total sum"'], 't']);
  assert.deepEqual(complete('sel', source), [['select'], 'sel']);
  assert.deepEqual(complete('SEL', source), [['SELECT'], 'SEL']);
  assert.deepEqual(complete('.mode j', source), [['json'], 'j']);
  assert.deepEqual(complete('.no', source), [['.nodes'], '.no']);
});
