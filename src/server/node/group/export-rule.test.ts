import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GroupConfig } from '../../../cluster/interface.ts';
import { checkExport, type ExportRequest } from './export-rule.ts';

function request(
  role: 'primary' | 'replica',
  isLeading: boolean,
  replicaId: string,
  promisedTo?: string,
): ExportRequest {
  const config = { members: ['anna', 'bert', 'cleo'].map((nodeId) => ({ nodeId })) } as unknown as GroupConfig;
  const database = { name: 'db', settings: { role }, leadership: { promisedTo } };
  return { database: database as unknown as ExportRequest['database'], membership: { config, isLeading }, replicaId };
}

const refused = { code: 'LEASE_LOST' };

test('a primary serves everybody while it leads, and nobody when its lease has ended', () => {
  checkExport(request('primary', true, 'bert/db'));
  checkExport(request('primary', true, 'stranger/db'));
  assert.throws(() => checkExport(request('primary', false, 'bert/db')), refused);
  assert.throws(() => checkExport(request('primary', false, 'stranger/db')), refused);
});

test('of the members a replica serves only the candidate to whom it has promised a term', () => {
  assert.throws(() => checkExport(request('replica', false, 'bert/db')), refused);
  assert.throws(() => checkExport(request('replica', false, 'bert/db', 'cleo')), refused);
  checkExport(request('replica', false, 'bert/db', 'bert'));
  checkExport(request('replica', false, 'stranger/db', 'cleo'));
});
