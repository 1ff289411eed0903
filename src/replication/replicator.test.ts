import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Feeds, ReplicationSink, SnapshotInbox } from '../database/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import type { ExportSnapshotResponse } from '../proto/interface.ts';
import { createNodeRuntime, nullLogger } from '../runtime/interface.ts';
import { defaultReplicationLimits } from './limits.ts';
import { Replicator } from './replicator.ts';

const sink = {
  databaseId: undefined,
  positions: () => ({ tip: 0, durable: 0, commit: 0, applied: 0, term: 0 }),
  promisedTerm: () => 0,
  unappliedBytes: () => 0,
  subscribe: () => () => {},
} as unknown as ReplicationSink;

test('a replicator that is stopped while it installs a snapshot ends with that, and follows nobody then', async () => {
  let sessions = 0;
  const feeds = {
    open: (_start: unknown, owner: { ended(error: QuorateError): void }) => {
      sessions += 1;
      if (sessions === 1) {
        setImmediate(() => owner.ended(new QuorateError('SNAPSHOT_REQUIRED', 'the log begins later')));
      }
      return { close: () => {} };
    },
  } as unknown as Feeds;
  const installing = Promise.withResolvers<void>();
  const installed = Promise.withResolvers<void>();
  const inbox = {
    isRequired: false,
    received: () => ({ snapshotId: '', bytes: 0 }),
    install: () => {
      installing.resolve();
      return installed.promise;
    },
    pause: async () => {},
  } as unknown as SnapshotInbox;
  async function* openSnapshot(): AsyncGenerator<ExportSnapshotResponse> {
    yield { message: { $case: 'end', value: { sha256: Buffer.alloc(32) } } };
  }
  const replicator = new Replicator({
    ...{ sink, feeds, runtime: createNodeRuntime(nullLogger), limits: defaultReplicationLimits },
    upstream: { host: 'nowhere', port: 1, database: 'shop', username: '', password: '' },
    transport: { openExport: () => assert.fail('the feeds are used') },
    snapshots: { inbox, transport: { openSnapshot } },
    identity: { replicaId: 'node/shop', replicaName: 'berlin', httpUrl: '' },
  });
  replicator.start();
  await installing.promise;
  const stopped = replicator[Symbol.asyncDispose]();
  installed.resolve();
  await stopped;
  assert.equal(sessions, 1);
  assert.equal(replicator.status().state, 'stopped');
});
