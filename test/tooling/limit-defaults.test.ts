import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  databaseLimitOptions,
  nodeLimitOptions,
  type OptionDeclarations,
  replicationLimitOptions,
} from '../../src/config/interface.ts';
import { defaultDatabaseLimits } from '../../src/database/limits.ts';
import { defaultReplicationLimits } from '../../src/replication/limits.ts';

function defaultsOf(declarations: OptionDeclarations): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(declarations).map(([key, declaration]) => [key, 'default' in declaration && declaration.default]),
  );
}

test('every limit of a database is an option with the same default', () => {
  assert.deepEqual(defaultsOf(databaseLimitOptions), { ...defaultDatabaseLimits });
});

test('every limit of replication is an option with the same default', () => {
  assert.deepEqual(defaultsOf(replicationLimitOptions), { ...defaultReplicationLimits });
});

test('by default a replica of 100 MB is compared with its upstream within a minute', () => {
  const { scrubIntervalMs, scrubRateBytes } = nodeLimitOptions;
  assert.ok(scrubIntervalMs.default + (100e6 / scrubRateBytes.default) * 1000 < 60_000);
});
