import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkConfig,
  compareCandidates,
  isAhead,
  leaderAcks,
  mayBeElected,
  promotionNumbers,
} from './promotion-rules.ts';
import type { GroupAcks, GroupConfig, GroupMember, MemberPosition } from './types.ts';

function member(nodeId: string, more: Partial<GroupMember> = {}): GroupMember {
  return {
    ...{ nodeId, name: nodeId, host: nodeId, port: 1, httpUrl: '', zone: '', priority: 0 },
    ...{ nofailover: false, nosync: false, witness: false, learner: false, ...more },
  };
}

function group(
  members: readonly GroupMember[],
  level: GroupAcks['level'],
  whenShort: GroupAcks['whenShort'] = 'block',
) {
  const acks: GroupAcks = { level, whenShort, degradeAfterMs: 1_000, timeoutMs: 1_000 };
  const failover = { automatic: true, leaseMs: 1_500 };
  return { database: 'db', databaseId: '', termBase: 0, members, acks, failover } satisfies GroupConfig;
}

const three = ['a', 'b', 'c'].map((id) => member(id));
const five = ['a', 'b', 'c', 'd', 'e'].map((id) => member(id));

test('whoever answers an election meets at least one who holds what was acknowledged', () => {
  const levels: GroupAcks['level'][] = [
    { kind: 'quorum' },
    { kind: 'sync', acks: 1 },
    { kind: 'sync', acks: 2 },
    { kind: 'applied', acks: 1 },
    { kind: 'async' },
  ];
  for (const members of [
    three,
    five,
    [...three, member('w', { witness: true })],
    [...three, member('x', { nosync: true })],
  ]) {
    for (const level of levels) {
      const { dataMembers, holders, answers } = promotionNumbers(group(members, level));
      assert.ok(answers > dataMembers - holders, `${members.length} members at ${level.kind}`);
      assert.equal(answers, dataMembers - holders + 1);
    }
  }
});

test('the numbers of a promotion count data members only, votes count all', () => {
  const members = [...three, member('w', { witness: true }), member('l', { learner: true })];
  assert.deepEqual(promotionNumbers(group(members, { kind: 'quorum' })), {
    ...{ dataMembers: 3, holders: 2, answers: 2, votes: 3 },
  });
  assert.deepEqual(promotionNumbers(group(five, { kind: 'sync', acks: 1 })), {
    ...{ dataMembers: 5, holders: 2, answers: 4, votes: 3 },
  });
  assert.equal(promotionNumbers(group(three.slice(0, 2), { kind: 'quorum' })).votes, 1);
});

test('a group that may degrade has at times only one holder', () => {
  const { holders, answers } = promotionNumbers(group(three, { kind: 'sync', acks: 1 }, 'degrade'));
  assert.deepEqual([holders, answers], [1, 3]);
});

test('a primary waits for the others that count, and alone for nobody', () => {
  const members = [...three, member('w', { witness: true }), member('x', { nosync: true })];
  assert.deepEqual(leaderAcks(group(members, { kind: 'quorum' }), 'a').members, ['b/db', 'c/db']);
  assert.deepEqual(leaderAcks(group([member('a')], { kind: 'quorum' }), 'a').level, { kind: 'async' });
});

test('a group that could never commit, or has one member twice, is refused', () => {
  assert.throws(() => checkConfig(group(three.slice(0, 2), { kind: 'sync', acks: 2 })), { code: 'INVALID_ARGUMENT' });
  assert.throws(() => checkConfig(group([member('a'), member('a')], { kind: 'async' })), { code: 'INVALID_ARGUMENT' });
  const sameName = [member('a'), member('b', { name: 'a' })];
  assert.throws(() => checkConfig(group(sameName, { kind: 'async' })), { code: 'INVALID_ARGUMENT' });
  checkConfig(group(three, { kind: 'sync', acks: 2 }));
});

test('a later term goes before any number of transactions, then priority, then the id', () => {
  const at = (term: number, txId: number): MemberPosition => ({
    ...{ promisedTerm: 0, committedTxId: 0, appliedTxId: 0 },
    durable: { term, txId },
  });
  const [a, b] = [member('a'), member('b')];
  assert.ok(isAhead(at(2, 1), at(1, 100)));
  assert.ok(isAhead(at(2, 2), at(2, 1)));
  assert.ok(!isAhead(at(2, 1), at(2, 1)));
  assert.ok(compareCandidates({ member: b, position: at(2, 1) }, { member: a, position: at(1, 9) }) < 0);
  const preferred = member('b', { priority: 1 });
  assert.ok(compareCandidates({ member: preferred, position: at(1, 1) }, { member: a, position: at(1, 1) }) < 0);
  assert.ok(compareCandidates({ member: a, position: at(1, 1) }, { member: b, position: at(1, 1) }) < 0);
});

test('witnesses, learners and members without failover are not elected', () => {
  const marks: Partial<GroupMember>[] = [{ witness: true }, { learner: true }, { nosync: true }, { nofailover: true }];
  assert.deepEqual(
    marks.map((mark) => mayBeElected(member('a', mark))),
    [false, false, false, false],
  );
  assert.ok(mayBeElected(member('a')));
});
