import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Candidate, readOrder, type Wish } from './node-order.ts';

interface Named extends Candidate {
  readonly name: string;
}

function node(name: string, changes: Partial<Candidate> = {}): Named {
  const member = { zone: '', lagMs: 0, lagTransactions: 0, state: 'streaming' };
  return { name, isPrimary: false, isExcluded: false, latencyMs: 1, member, ...changes };
}

function order(nodes: readonly Named[], wish: Partial<Wish>): string {
  const full = { preference: 'nearest', zone: undefined, turn: 0, ...wish } as const;
  return readOrder(nodes, full)
    .map(({ name }) => name)
    .join(' ');
}

const inZone = (zone: string) => ({ zone, lagMs: 0, lagTransactions: 0, state: 'streaming' });
const behind = (lagTransactions: number | null) => ({ zone: '', lagMs: 0, lagTransactions, state: 'streaming' });

test('the nearest nodes are those of the own zone, then those that answer fastest', () => {
  const nodes = [
    node('far', { latencyMs: 0.2, member: inZone('b') }),
    node('slow', { latencyMs: 9, member: inZone('a') }),
    node('near', { latencyMs: 2, member: inZone('a') }),
  ];
  assert.equal(order(nodes, { zone: 'a' }), 'near slow far');
  assert.equal(order(nodes, {}), 'far near slow');
});

test('nodes of the same cost take turns', () => {
  const nodes = [node('a'), node('b'), node('c')];
  const firsts = [0, 1, 2, 3].map((turn) => order(nodes, { preference: 'round-robin', turn })[0]);
  assert.deepEqual(firsts, ['a', 'b', 'c', 'a']);
});

test('one that is behind the least comes first, one of which that is not known last', () => {
  const nodes = [
    node('unknown', { member: behind(null) }),
    node('behind', { member: behind(5) }),
    node('primary', { isPrimary: true }),
  ];
  assert.equal(order(nodes, { preference: 'least-lag' }), 'primary behind unknown');
});

test('the primary comes first where it is preferred', () => {
  assert.equal(order([node('a'), node('b', { isPrimary: true })], { preference: 'primary' }), 'b a');
});

test('one that has failed comes last, and one that follows nobody before it', () => {
  const nodes = [
    node('failed', { isExcluded: true, latencyMs: 0 }),
    node('diverged', { latencyMs: 0, member: { ...inZone(''), state: 'diverged' } }),
    node('slow', { latencyMs: 100 }),
  ];
  assert.equal(order(nodes, {}), 'slow diverged failed');
});
