import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { operationKinds, valueTags } from './operation-format.ts';
import { ReplicatedPair } from './testing/replicated-pair.ts';

const page = readFileSync(new URL('../../docs/operations-format.md', import.meta.url), 'utf8');

test('the example of the page about operations is what is captured', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b)');
  const { captured } = pair.capture("INSERT INTO t VALUES (1, 'x', 1.5)", "UPDATE t SET a = 'yz'", 'DELETE FROM t');
  const [, example = ''] = /```\n(01 30.*?)```/s.exec(page) ?? [];
  const bytes = example.split('\n').map((line) => /^(?:[0-9a-f]{2} )*/.exec(line)?.[0] ?? '');
  assert.equal(bytes.join('').replaceAll(' ', ''), Buffer.from(captured.operations).toString('hex'));
});

test('the page lists every kind of operation and every tag of a value with its number', () => {
  for (const [name, number] of Object.entries(operationKinds)) {
    assert.match(page, new RegExp(`^\\| ${number} \\| ${name} \\|`, 'm'));
  }
  assert.equal(
    [...page.matchAll(/^\| \d \| (NULL|INTEGER|REAL|TEXT|BLOB) \|/gm)].length,
    Object.keys(valueTags).length,
  );
});
