import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FollowPlanInput, type LocalDatabase, planFollowing } from './follow-plan.ts';

const identity = Buffer.from([1]);

function listed(database: string, more: { state?: string; databaseId?: Buffer; path?: string[] } = {}) {
  return { database, state: 'open', databaseId: identity, path: [`up/${database}`], ...more };
}

function local(name: string, more: Partial<LocalDatabase> = {}): LocalDatabase {
  return { name, databaseId: identity, followed: 'up', isCurrent: true, ...more };
}

function plan(databases: ReturnType<typeof listed>[], here: LocalDatabase[], more: Partial<FollowPlanInput> = {}) {
  const upstream = { nodeId: 'up', databases };
  const { leftAlone, ...steps } = planFollowing({
    nodeId: 'me',
    upstream,
    local: here,
    isWanted: () => true,
    ...more,
  });
  return { ...steps, leftAlone: [...leftAlone.keys()] };
}

const nothing = { create: [], redirect: [], missing: [], leftAlone: [] };

test('what is new on the other server comes, what is gone goes, and the rest stays', () => {
  assert.deepEqual(plan([listed('a'), listed('b')], [local('b'), local('c')]), {
    ...nothing,
    create: ['a'],
    missing: ['c'],
  });
});

test('a database that nobody can follow yet is neither created nor taken for deleted', () => {
  assert.deepEqual(plan([listed('a', { state: 'importing' })], []), nothing);
  assert.deepEqual(plan([listed('a', { state: 'unloaded', databaseId: Buffer.alloc(0) })], [local('a')]), nothing);
});

test('what a person made here is left alone, whether the other server has the name or not', () => {
  const own = { followed: undefined, databaseId: Buffer.from([9]) };
  assert.deepEqual(plan([listed('a')], [local('a', own), local('b', own)]), { ...nothing, leftAlone: ['a'] });
});

test('a replica that a person made just as following would have made it is as good', () => {
  assert.deepEqual(plan([listed('a')], [local('a', { followed: undefined })]), nothing);
  const fresh = { followed: undefined, databaseId: Buffer.alloc(0) };
  assert.deepEqual(plan([listed('a')], [local('a', fresh)]), nothing);
});

test('a database that was deleted and made again under its name is another one', () => {
  assert.deepEqual(plan([listed('a', { databaseId: Buffer.from([2]) })], [local('a')]), { ...nothing, missing: ['a'] });
});

test('another server at the same address has deleted nothing', () => {
  const upstream = { nodeId: 'new', databases: [listed('b'), listed('c', { databaseId: Buffer.from([2]) })] };
  assert.deepEqual(plan([], [local('a'), local('b'), local('c')], { upstream }), {
    ...nothing,
    redirect: ['b'],
    leftAlone: ['c', 'a'],
  });
});

test('changed credentials or addresses reach the databases that are followed, not the others', () => {
  const here = [local('a', { isCurrent: false }), local('b', { isCurrent: false, followed: undefined })];
  assert.deepEqual(plan([listed('a'), listed('b')], here), { ...nothing, redirect: ['a'], leftAlone: ['b'] });
});

test('patterns keep a database from being followed, and never delete one', () => {
  const isWanted = (name: string) => name !== 'a';
  assert.deepEqual(plan([listed('a'), listed('b')], [], { isWanted }), { ...nothing, create: ['b'] });
  assert.deepEqual(plan([], [local('a')], { isWanted }), { ...nothing, leftAlone: ['a'] });
});

test('what the other server follows from here is not brought back', () => {
  assert.deepEqual(plan([listed('a', { path: ['up/a', 'me/a'] })], []), { ...nothing, leftAlone: ['a'] });
  assert.deepEqual(plan([listed('a', { path: ['up/a', 'men/a'] })], []), { ...nothing, create: ['a'] });
});
