import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ComparedNode } from '../../client/interface.ts';
import { createNodeRuntime } from '../../runtime/interface.ts';
import { Scrubber } from './scrubber.ts';

/** A node with an empty database. */
function emptyNode(): ComparedNode {
  const overview = { txId: 1, schemaDigest: Buffer.alloc(32), stateDigest: Buffer.alloc(32), tables: [] };
  return {
    prepare: async () => Buffer.alloc(16),
    writeMarker: async () => 1,
    pin: async () => 1,
    ask: async () => overview as never,
    end: async () => {},
  };
}

test('a new round begins at once when it is asked for, however long the interval is', async () => {
  const node = emptyNode();
  await using scrubber = new Scrubber({
    runtime: createNodeRuntime(),
    database: 'shop',
    here: node,
    withUpstream: (action) => action(node),
    isFollowing: () => true,
    standsAt: () => undefined,
    databaseBytes: () => 0,
    intervalMs: 3_600_000,
    bytesPerSecond: 1024,
  });
  scrubber.start();
  for (const rounds of [1, 2]) {
    scrubber.beginAgain();
    for (const end = Date.now() + 30_000; scrubber.status().rounds < rounds; await sleep(5)) {
      assert.ok(Date.now() < end, `round ${rounds} does not begin`);
    }
  }
});
