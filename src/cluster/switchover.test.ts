import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createNodeRuntime, nullLogger } from '../runtime/interface.ts';
import type { GroupState } from './group-store.ts';
import type { Leadership } from './leadership.ts';
import { switchOver } from './switchover.ts';
import type { GroupMember, GroupPeers, MemberDatabase, MemberPosition } from './types.ts';

const marks = { priority: 0, nofailover: false, nosync: false, witness: false, learner: false };
const members = ['anna', 'bert'].map(
  (nodeId): GroupMember => ({ nodeId, name: nodeId, host: nodeId, port: 1, httpUrl: '', zone: '', ...marks }),
);

function position(txId: number): MemberPosition {
  return { promisedTerm: 1, durable: { term: 1, txId }, committedTxId: txId, appliedTxId: txId };
}

/** What a dry run says that the target lacks. */
async function lagOf(own: number, ofTarget: number): Promise<number> {
  const local = { position: () => position(own), heldBy: () => ofTarget } as unknown as MemberDatabase;
  const view = { nodeId: 'bert', role: 'replica', position: position(ofTarget) } as const;
  const peers = { ask: () => Promise.resolve(view) } as unknown as GroupPeers;
  const context = { local, peers, runtime: createNodeRuntime(nullLogger), nodeId: 'anna' };
  const state = { config: { database: 'shop', members } } as unknown as GroupState;
  return (await switchOver(context, { to: 'bert', dryRun: true }, {} as Leadership, state)).lag;
}

test('a target that has a record on disk before its primary lacks nothing', async () => {
  assert.equal(await lagOf(7, 5), 2);
  assert.equal(await lagOf(7, 8), 0);
});
