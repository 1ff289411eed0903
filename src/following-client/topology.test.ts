import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeViews, type NodeView, nodeViewOf } from './topology.ts';
import type { MemberView } from './types.ts';

function member(nodeId: string, changes: Partial<MemberView> = {}): MemberView {
  return {
    ...{ nodeId, name: nodeId, httpUrl: `http://${nodeId}`, role: 'replica', zone: '', state: 'streaming' },
    ...{ lagMs: null, lagTransactions: null, txId: 0, isSync: false },
    ...changes,
  };
}

function view(nodeId: string, term: number, primary: string | null, ...members: MemberView[]): NodeView {
  return { nodeId, databaseId: '', term, primary, members };
}

test('the primary is the one of the highest term, whoever tells of it', () => {
  const old = view('a', 1, 'a', member('a', { role: 'primary' }), member('b'));
  const witness = view('c', 2, 'b', member('b', { role: 'primary' }), member('c'));
  const { primary, term, members } = mergeViews([old, witness]);
  assert.deepEqual([primary, term], ['b', 2]);
  assert.deepEqual(
    members.map(({ nodeId, role }) => [nodeId, role]),
    [
      ['a', 'replica'],
      ['b', 'primary'],
      ['c', 'replica'],
    ],
  );
});

test('of two that name a primary of the same term the one that is it is believed', () => {
  assert.equal(mergeViews([view('c', 2, 'b', member('b')), view('a', 2, 'a', member('a'))]).primary, 'a');
});

test('what a node says of itself counts most, and what one leaves open another one tells', () => {
  const primary = view('a', 1, 'a', member('a', { role: 'primary' }), member('b', { lagMs: null, zone: 'x' }));
  const replica = view('b', 1, 'a', member('b', { lagMs: 7, httpUrl: null, zone: 'x' }));
  const told = mergeViews([replica, primary]).members.find(({ nodeId }) => nodeId === 'b');
  assert.deepEqual([told?.lagMs, told?.httpUrl, told?.zone], [7, 'http://b', 'x']);
});

test('without anybody who knows a primary there is none', () => {
  assert.deepEqual(mergeViews([]), { term: 0, primary: null, members: [] });
  assert.equal(mergeViews([view('b', 3, null, member('b'))]).primary, null);
});

test('what is no view is refused', () => {
  for (const answer of [{}, { nodeId: 'a', term: '1', members: [] }, { nodeId: 'a', term: 1 }]) {
    assert.throws(() => nodeViewOf(answer), { code: 'PROTOCOL_ERROR' });
  }
});
