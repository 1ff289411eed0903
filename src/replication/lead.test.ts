import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lead } from './lead.ts';

/** Replicas that confirm when they are told to. */
function replicas(count: number) {
  const lead = new Lead<{ durableTxId: number }>();
  const all = Array.from({ length: count }, () => ({ durableTxId: 0 }));
  const confirm = (index: number, durableTxId: number) => {
    const one = all[index];
    assert.ok(one);
    one.durableTxId = durableTxId;
    lead.confirmed(one);
  };
  all.forEach((_, index) => {
    confirm(index, 1);
  });
  const first = (wanted: number) => all.flatMap((one, index) => (lead.includes(one, wanted) ? [index] : []));
  return { lead, all, confirm, first };
}

test('the replicas that attached first are waited for first, and all where there are too few', () => {
  const { first } = replicas(3);
  assert.deepEqual([first(1), first(2), first(4)], [[0], [0, 1], [0, 1, 2]]);
});

test('a replica that is ahead several times in a row passes the one before it; once changes nothing', () => {
  const { confirm, first } = replicas(2);
  for (const txId of [2, 4]) {
    confirm(1, txId);
    confirm(0, txId + 1);
  }
  assert.deepEqual(first(1), [0], 'the first one was ahead again in between');
  for (const txId of [6, 7, 8]) {
    assert.deepEqual(first(1), [0]);
    confirm(1, txId);
  }
  assert.deepEqual(first(1), [1]);
  confirm(0, 8);
  assert.deepEqual(first(1), [1], 'who catches up is not ahead');
});

test('a replica that goes makes room, and one that comes back stands at the end', () => {
  const { lead, all, confirm, first } = replicas(3);
  const [one] = all;
  assert.ok(one);
  lead.ended(one);
  assert.deepEqual(first(1), [1]);
  confirm(0, 9);
  assert.deepEqual(first(2), [1, 2]);
});
