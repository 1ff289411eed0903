import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type NodeRow, renderNodeTable } from './node-table.ts';

const rows: readonly NodeRow[] = [
  {
    node: 'primary',
    role: 'primary',
    state: 'open',
    position: 1_234_567,
    lagTransactions: undefined,
    lagMs: undefined,
    transactionsPerSecond: 41.6,
  },
  {
    node: 'replica-1',
    role: 'replica',
    state: 'streaming',
    position: 1_234_560,
    lagTransactions: 7,
    lagMs: 12.4,
    transactionsPerSecond: 41.6,
  },
];

test('the table aligns its columns, groups digits and shows a dash for what is unknown', () => {
  assert.deepEqual(renderNodeTable(rows, 100), [
    'node        role      state        position   lag tx   lag ms   tx/s',
    'primary     primary   open        1,234,567        -        -     42',
    'replica-1   replica   streaming   1,234,560        7       12     42',
  ]);
});

test('a narrow terminal loses the least needed columns first, and keeps node and position', () => {
  assert.equal(renderNodeTable(rows, 56)[0], 'node        role       position   lag tx   lag ms   tx/s');
  assert.equal(renderNodeTable(rows, 24)[2], 'replica-1   1,234,560');
});

test('no line is ever wider than the terminal', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 120 }), fc.string({ maxLength: 60 }), (width, node) => {
      const lines = renderNodeTable([...rows, { ...(rows[0] as NodeRow), node }], width);
      return lines.length === 4 && lines.every((line) => line.length <= width);
    }),
  );
});
