import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Membership } from '../../../cluster/interface.ts';
import type { Database, TransactResult, Writer } from '../../../database/interface.ts';
import { createNodeRuntime } from '../../../runtime/interface.ts';
import { GroupWriter } from './group-writer.ts';

const result: TransactResult = { results: [], position: { txId: 7, term: 2 }, acks: 1 };

test('a write is sent on only when the database follows the primary that is known', async () => {
  const upstream = { host: 'before', port: 3322 };
  const settings = { replication: { upstream } };
  let looks = 0;
  const database = {
    waitFor: async () => {},
    get settings() {
      looks += 1;
      // It follows the new one a moment after that is known.
      upstream.host = looks < 3 ? 'before' : 'present';
      return settings;
    },
  } as unknown as Database;
  const leader = { isSelf: false, term: 2, member: { host: 'present', port: 3322 } };
  const membership = { leader } as unknown as Membership;
  const sentTo: string[] = [];
  const writer = (): Writer => ({
    begin: () => Promise.reject(new Error('not asked for')),
    transact: async () => {
      sentTo.push(upstream.host);
      return result;
    },
  });
  const runtime = createNodeRuntime();
  const group = new GroupWriter({
    ...{ database, membership, upstreams: { writer }, runtime },
    ...{ waitMs: 5_000, shownMs: 1_000 },
  });
  assert.deepEqual(await group.transact([{ sql: 'SELECT 1' }]), result);
  assert.deepEqual(sentTo, ['present']);
});
