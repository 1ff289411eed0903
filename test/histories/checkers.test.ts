import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cas, concurrent, operation, read, txn, write } from './by-hand.ts';
import { checkCommittedPrefixes, checkEqualContent, checkPrimaries } from './commits.ts';
import { appendsOf, checkAcknowledged, elementNames } from './durability.ts';
import { checkLinearizability } from './linearizability.ts';
import { checkListAppend } from './list-append.ts';
import { elementName } from './list-versions.ts';
import type { Operation, Position, Value, Violation } from './operation.ts';
import { checkSessions, checkStaleness } from './sessions.ts';

function rules(violations: readonly Violation[]): string[] {
  return violations.map(({ rule }) => rule);
}

const info = { type: 'info' } as const;
const fail = { type: 'fail' } as const;

const linearizable: Record<string, Operation[]> = {
  'a read beside a write sees either': [
    operation(0, 1, write(1)),
    operation(2, 9, write(2)),
    operation(3, 4, read(1), { process: 1 }),
    operation(5, 6, read(2), { process: 1 }),
  ],
  'a write of unknown outcome may take effect late': [
    operation(0, 1, write(1), info),
    operation(2, 3, read(null)),
    operation(4, 5, read(1)),
  ],
  'a write of unknown outcome may never take effect': [operation(0, 1, write(1), info), operation(2, 3, read(null))],
  'a refused write has no effect': [operation(0, 1, write(1), fail), operation(2, 3, read(null))],
  'of two concurrent writes each may be last': [
    operation(0, 5, write(1)),
    operation(1, 6, write(2), { process: 1 }),
    operation(7, 8, cas(1, 3)),
    operation(9, 10, read(3)),
  ],
  'a stale read that asks for no more': [operation(0, 1, write(1)), operation(2, 3, read(null), { readLevel: 'any' })],
};

for (const [name, operations] of Object.entries(linearizable)) {
  test(`linearizable: ${name}`, () => assert.deepEqual(checkLinearizability(operations), []));
}

const notLinearizable: Record<string, Operation[]> = {
  'a stale read': [operation(0, 1, write(1)), operation(2, 3, write(2)), operation(4, 5, read(1))],
  'a value goes back': [
    operation(0, 1, write(1)),
    operation(2, 9, write(2), { process: 1 }),
    operation(3, 4, read(2)),
    operation(5, 6, read(1)),
  ],
  'two compare-and-sets of the same value': [
    operation(0, 1, write(1)),
    operation(2, 5, cas(1, 2)),
    operation(3, 6, cas(1, 3), { process: 1 }),
  ],
  'a refused write is seen': [operation(0, 1, write(1), fail), operation(2, 3, read(1))],
  'a write of unknown outcome takes effect twice': [
    operation(0, 1, write(1), info),
    operation(2, 3, read(1)),
    operation(4, 5, write(2)),
    operation(6, 7, read(1)),
  ],
};

for (const [name, operations] of Object.entries(notLinearizable)) {
  test(`not linearizable: ${name}`, () =>
    assert.deepEqual(rules(checkLinearizability(operations)), ['not linearizable']));
}

test('a search that reaches its limit says so', () => {
  const writes = Array.from({ length: 12 }, (_, i) => operation(i, 100 + i, write(i), { process: i }));
  const reads = [operation(200, 201, read(3)), operation(202, 203, read(4))];
  const operations = [...writes, ...reads];
  assert.deepEqual(rules(checkLinearizability(operations, { stateLimit: 50 })), ['linearizability unknown']);
  assert.deepEqual(rules(checkLinearizability(operations)), ['not linearizable']);
});

const anomalies: Record<string, Operation[]> = {
  G1a: concurrent([txn(['append', 'x', 1]), fail], txn(['r', 'x', [1]])),
  G1b: concurrent(txn(['append', 'x', 1], ['append', 'x', 2]), txn(['r', 'x', [1]])),
  internal: concurrent(txn(['r', 'x', []], ['append', 'x', 1], ['r', 'x', []])),
  'phantom element': concurrent(txn(['r', 'x', [7]])),
  'duplicate append': concurrent(txn(['append', 'x', 1]), txn(['r', 'x', [1, 1]])),
  'incompatible order': concurrent(
    txn(['append', 'x', 1]),
    txn(['append', 'x', 2]),
    txn(['r', 'x', [1, 2]]),
    txn(['r', 'x', [2]]),
  ),
  G0: concurrent(
    txn(['append', 'x', 1], ['append', 'y', 1]),
    txn(['append', 'x', 2], ['append', 'y', 2]),
    txn(['r', 'x', [1, 2]]),
    txn(['r', 'y', [2, 1]]),
  ),
  G1c: concurrent(txn(['append', 'x', 1], ['r', 'y', [1]]), txn(['append', 'y', 1], ['r', 'x', [1]])),
  'G-single': concurrent(
    txn(['append', 'x', 1], ['append', 'y', 1]),
    txn(['r', 'x', [1]], ['r', 'y', []]),
    txn(['r', 'y', [1]]),
  ),
  G2: concurrent(
    txn(['r', 'x', []], ['append', 'y', 1]),
    txn(['r', 'y', []], ['append', 'x', 1]),
    txn(['r', 'x', [1]], ['r', 'y', [1]]),
  ),
  'G-single-realtime': [
    operation(0, 1, txn(['append', 'x', 1])),
    operation(2, 3, txn(['r', 'x', []]), { process: 1, readLevel: 'linearizable' }),
    operation(4, 5, txn(['r', 'x', [1]]), { process: 2 }),
  ],
  'G0-realtime': [
    operation(0, 1, txn(['append', 'x', 1])),
    operation(2, 3, txn(['append', 'x', 2]), { process: 1 }),
    operation(4, 5, txn(['r', 'x', [2, 1]]), { process: 2 }),
  ],
  'G-single-process': [
    operation(0, 1, txn(['append', 'x', 1]), { process: 1 }),
    operation(2, 3, txn(['r', 'x', []]), { process: 1, readLevel: 'session' }),
  ],
};

for (const [anomaly, operations] of Object.entries(anomalies)) {
  test(`a list history shows ${anomaly}`, () => assert.deepEqual(rules(checkListAppend(operations)), [anomaly]));
}

test('a lost update is a cycle of two', () => {
  const violations = checkListAppend(
    concurrent(
      txn(['append', 'x', 1]),
      txn(['r', 'x', [1]], ['append', 'x', 2]),
      txn(['r', 'x', [1]], ['append', 'x', 3]),
      txn(['r', 'x', [1, 2]]),
    ),
  );
  assert.ok(rules(violations).includes('G-single'));
  const { message = '' } = violations.find(({ rule }) => rule === 'G-single') ?? {};
  assert.match(message, /a cycle of 2 transactions/);
  assert.match(message, /rw: did not see 2 in x/);
});

test('stale reads that promise no more are serializable, and torn ones are not', () => {
  const writes = [
    operation(0, 1, txn(['append', 'x', 1], ['append', 'y', 1])),
    operation(2, 3, txn(['append', 'x', 2], ['append', 'y', 2])),
  ];
  const any = { process: 1, readLevel: 'any' } as const;
  const later = operation(9, 10, txn(['r', 'x', [1, 2]], ['r', 'y', [1, 2]]));
  const stale = operation(4, 5, txn(['r', 'x', [1]], ['r', 'y', [1]]), any);
  const torn = operation(4, 5, txn(['r', 'x', [1]], ['r', 'y', [1, 2]]), any);
  assert.deepEqual(checkListAppend([...writes, stale, later]), []);
  assert.deepEqual(rules(checkListAppend([...writes, torn, later])), ['G-single']);
});

test('appends of unknown outcome may be seen or not', () => {
  const unknown = [txn(['append', 'x', 1]), info] as const;
  assert.deepEqual(checkListAppend(concurrent(unknown, txn(['r', 'x', []]))), []);
  assert.deepEqual(checkListAppend(concurrent(unknown, txn(['r', 'x', [1]]))), []);
});

test('what was appended must be in the final content, unless it was lost and may be', () => {
  const operations = [operation(0, 1, txn(['append', 'x', 1])), operation(2, 3, txn(['append', 'x', 2]))];
  const final = new Map([['x', [1]]]);
  assert.deepEqual(rules(checkListAppend(operations, { final })), ['lost append']);
  const witness = operation(4, 5, txn(['r', 'x', [1, 2]]));
  const lost = (_: unknown, element: Value) => element === 2;
  assert.deepEqual(checkListAppend([...operations, witness], { final, lost }), []);
});

test('an acknowledged write may be lost only at a level that permits it, and into a file', () => {
  const writes = appendsOf([
    operation(0, 1, txn(['append', 'x', 1]), { ackLevel: 'quorum' }),
    operation(2, 3, txn(['append', 'x', 2]), { ackLevel: 'async' }),
    operation(4, 5, txn(['append', 'x', 3]), fail),
    operation(6, 7, txn(['append', 'x', 4]), info),
  ]);
  const judge = (present: number[], saved: number[], mayBeLost = ['async']) =>
    rules(
      checkAcknowledged(writes, {
        present: elementNames(new Map([['x', present]])),
        saved: new Set(saved.map((element) => elementName('x', element))),
        mayBeLost: new Set(mayBeLost),
      }),
    );
  assert.deepEqual(judge([1, 2, 4], []), []);
  assert.deepEqual(judge([1], [2]), []);
  assert.deepEqual(judge([1], []), ['silent loss']);
  assert.deepEqual(judge([1], [2], []), ['lost write']);
  assert.deepEqual(judge([2], [1]), ['lost write']);
  assert.deepEqual(judge([1, 2, 3], []), ['refused write']);
});

const commit = (node: string, term: number, txId: number, hash: string, role: 'primary' | 'replica' = 'primary') => ({
  node,
  term,
  txId,
  hash,
  role,
});

test('only one node commits as primary in a term', () => {
  const right = [commit('a', 1, 1, 'h1'), commit('b', 1, 1, 'h1', 'replica'), commit('b', 2, 2, 'h2')];
  assert.deepEqual(checkPrimaries(right), []);
  assert.deepEqual(rules(checkPrimaries([...right, commit('a', 2, 3, 'h3')])), ['two primaries']);
});

test('nodes commit the same at the same place, but for what was saved as lost', () => {
  const commits = [
    commit('a', 1, 1, 'h1'),
    commit('a', 1, 2, 'old'),
    commit('b', 1, 1, 'h1'),
    commit('b', 2, 2, 'new'),
  ];
  assert.deepEqual(rules(checkCommittedPrefixes(commits)), ['different prefixes']);
  assert.deepEqual(checkCommittedPrefixes(commits, [{ txId: 2, hash: 'old' }]), []);
  assert.deepEqual(rules(checkCommittedPrefixes([commit('a', 2, 1, 'h1'), commit('a', 1, 2, 'h2')])), [
    'term goes back',
  ]);
});

test('nodes have equal content after healing', () => {
  const a = { node: 'a', txId: 7, digest: 'd' };
  assert.deepEqual(checkEqualContent([a, { ...a, node: 'b' }]), []);
  assert.deepEqual(rules(checkEqualContent([a, { ...a, node: 'b', digest: 'e' }])), ['different content']);
  assert.deepEqual(rules(checkEqualContent([a, { ...a, node: 'b', txId: 6 }])), ['different content']);
});

const at = (txId: number, term = 1): { position: Position } => ({ position: { term, txId } });
const inSession = { readLevel: 'session', session: 's' } as const;

test('a session sees its writes and never goes back, by positions', () => {
  const wrote = operation(0, 1, write(1), { session: 's', ...at(5) });
  const readAt = (start: number, txId: number, term = 1) =>
    operation(start, start + 1, read(1), { ...inSession, process: 9, ...at(txId, term) });
  assert.deepEqual(checkSessions([wrote, readAt(2, 5), readAt(4, 6), readAt(6, 6)]), []);
  assert.deepEqual(rules(checkSessions([wrote, readAt(2, 4)])), ['own write not seen']);
  assert.deepEqual(rules(checkSessions([wrote, readAt(2, 8), readAt(4, 7)])), ['not monotonic']);
  // Another branch of the log: what was of term 2 at 8 cannot be of term 1 at 9.
  assert.deepEqual(rules(checkSessions([readAt(2, 8, 2), readAt(4, 9, 1)])), ['not monotonic']);
  const isLost = ({ txId }: Position) => txId === 5;
  assert.deepEqual(checkSessions([wrote, readAt(2, 4)], { isLost }), []);
  assert.deepEqual(checkSessions([wrote, { ...readAt(2, 4), readLevel: 'any' }]), []);
});

test('a session sees its writes and never goes back, by content', () => {
  const wrote = operation(0, 1, txn(['append', 'x', 1]), { session: 's' });
  const readOf = (start: number, ...list: number[]) =>
    operation(start, start + 1, txn(['r', 'x', list]), { ...inSession, process: 9 });
  assert.deepEqual(checkSessions([wrote, readOf(2, 1), readOf(4, 1, 2)]), []);
  assert.deepEqual(rules(checkSessions([wrote, readOf(2)])), ['own write not seen']);
  assert.deepEqual(rules(checkSessions([readOf(2, 7, 8), readOf(4, 7)])), ['not monotonic']);
});

test('a token is obeyed, whatever the session', () => {
  const asked = { readLevel: 'any', after: { term: 1, txId: 5 } } as const;
  assert.deepEqual(checkSessions([operation(0, 1, read(1), { ...asked, ...at(5) })]), []);
  assert.deepEqual(rules(checkSessions([operation(0, 1, read(1), { ...asked, ...at(4) })])), ['token not obeyed']);
});

test('a read is no staler than it asked for', () => {
  const writes = [operation(0, 10, write(1), at(1)), operation(20, 30, write(2), at(2))];
  const bounded = (start: number, txId: number, more: { maxAgeMs?: number; maxLag?: number }) =>
    operation(start, start + 1, read(1), { process: 1, readLevel: 'bounded', ...at(txId), ...more });
  const judge = (operation: Operation, toleranceMs = 0) =>
    rules(checkStaleness([...writes, operation], { toleranceMs }));
  assert.deepEqual(judge(bounded(40, 1, { maxAgeMs: 20 })), []);
  assert.deepEqual(judge(bounded(60, 1, { maxAgeMs: 20 })), ['too old']);
  assert.deepEqual(judge(bounded(60, 1, { maxAgeMs: 20 }), 15), []);
  assert.deepEqual(judge(bounded(60, 2, { maxAgeMs: 0 })), []);
  assert.deepEqual(judge(bounded(60, 1, { maxLag: 1 })), []);
  assert.deepEqual(judge(bounded(60, 1, { maxLag: 0 })), ['too far behind']);
});
