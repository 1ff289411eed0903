import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GroupConfig, GroupMember } from '../../../cluster/interface.ts';
import { freeName } from './group-changes.ts';

test('a node that takes the name of another member keeps its own in the group', () => {
  const [one, two] = ['one', 'two'].map((name) => ({ nodeId: `id of ${name}`, name })) as unknown as [
    GroupMember,
    GroupMember,
  ];
  const config = { members: [one, two] } as unknown as GroupConfig;
  assert.deepEqual(
    ['one', 'two', 'three'].map((wanted) => freeName(config, one, wanted)),
    ['one', 'one', 'three'],
  );
});
