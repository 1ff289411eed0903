import assert from 'node:assert/strict';
import { test } from 'node:test';
import { operation, read, txn, write } from '../../histories/by-hand.ts';
import type { Call, Operation } from '../../histories/operation.ts';
import { type GroupEvidence, judge } from './group-judgement.ts';

/** The primary of term 3 is away with `e2`, that of term 15 is lost with what it wrote, that of term 40 has `e2` again. */
const finalTerms = new Map([3, 3, 3, 40, 40].map((term, index) => [index + 1, term]));
const final = new Map([[1, ['e1', 'e2', 'e5']]]);
const saved = [
  { txId: 3, term: 15, text: '' },
  { txId: 4, term: 15, text: '"e4"' },
];

/** A call that is answered with a position before the next one is made. */
function answers(...made: readonly (readonly [call: Call, term: number, txId: number])[]): Operation[] {
  return made.map(([call, term, txId], index) =>
    operation(2 * index, 2 * index + 1, call, { process: index, position: { term, txId } }),
  );
}

const before = [
  [txn(['append', 1, 'e1']), 3, 1],
  [txn(['append', 1, 'e2']), 3, 2],
  [write(7), 3, 3],
] as const;
const after = [
  [txn(['append', 1, 'e5']), 40, 5],
  [txn(['r', 1, ['e1', 'e2', 'e5']]), 40, 5],
  [read(7), 40, 5],
] as const;

function rulesBroken(operations: readonly Operation[], ackLevel: string, more: Partial<GroupEvidence> = {}): string[] {
  const levelled = operations.map((one) => ({ ...one, ackLevel }));
  const mayLose = ackLevel === 'async';
  const evidence = { operations: levelled, commits: [], saved, mayLose, final, finalTerms, ...more };
  return judge(evidence).map(({ rule }) => rule);
}

const lackingElement = [txn(['r', 1, ['e1']]), 15, 3] as const;
const lackingValue = [read(null), 15, 3] as const;
const lostAppend = [txn(['append', 1, 'e4'], ['r', 1, ['e1', 'e4']]), 15, 4] as const;

for (const [what, lostAnswers, rules] of [
  ['a read lacks an element that comes back', [lackingElement], ['G-single-realtime']],
  ['a read lacks a value that comes back', [lackingValue], ['not linearizable']],
  ['an acknowledged append is only in a file', [lostAppend], ['lost write', 'lost append']],
] as const) {
  const operations = answers(...before, ...lostAnswers, ...after);

  test(`where a primary was lost that may be: ${what}`, () => {
    assert.deepEqual(rulesBroken(operations, 'async'), []);
  });

  test(`not in a group that loses nothing: ${what}`, () => {
    assert.deepEqual(rulesBroken(operations, 'quorum'), rules);
  });

  test(`not when nothing was saved: ${what}`, () => {
    assert.notDeepEqual(rulesBroken(operations, 'async', { saved: [] }), []);
  });
}

test('the primary whose transactions last must show everything, though another one was lost', () => {
  const stale = answers(...before, [txn(['r', 1, ['e1']]), 3, 1], lackingElement, ...after);
  assert.deepEqual(rulesBroken(stale, 'async'), ['G-single-realtime']);
  const old = answers(...before, [read(null), 3, 2], lackingElement, ...after);
  assert.deepEqual(rulesBroken(old, 'async'), ['not linearizable']);
});

test('a primary whose transactions are lost may not answer after a later one', () => {
  const late = answers(...before, ...after, lackingValue);
  assert.deepEqual(rulesBroken(late, 'async'), ['answer of a former primary']);
});
