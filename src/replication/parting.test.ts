import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findParting, type HashedHistory } from './parting.ts';

/** A history whose transactions after `common` are its own, and which has dropped those before `first`. */
function history(tipTxId: number, common: number, own: string, first = 1): HashedHistory & { rounds: number } {
  return {
    tipTxId,
    rounds: 0,
    hashes(txIds) {
      this.rounds += 1;
      const kept = txIds.filter((txId) => txId >= first && txId <= tipTxId);
      return Promise.resolve(new Map(kept.map((txId) => [txId, Buffer.from(`${txId} ${txId > common ? own : ''}`)])));
    },
  };
}

test('the last common transaction is found wherever it is, in few rounds', async () => {
  const tips = fc.integer({ min: 0, max: 100_000 });
  await fc.assert(
    fc.asyncProperty(tips, tips, fc.double({ min: 0, max: 1, noNaN: true }), async (one, two, share) => {
      const common = Math.floor(Math.min(one, two) * share);
      const own = history(one, common, 'a');
      const parting = await findParting(own, history(two, common, 'b'));
      const firstDifferentTxId = common < Math.min(one, two) ? common + 1 : undefined;
      assert.deepEqual(parting, { commonTxId: common, certain: true, firstDifferentTxId });
      assert.ok(own.rounds <= 6, `${own.rounds} rounds`);
    }),
  );
});

test('a common transaction that one of the logs has dropped is not certain', async () => {
  const other = history(120, 100, 'b', 110);
  assert.deepEqual(await findParting(history(120, 100, 'a'), other), {
    commonTxId: 109,
    certain: false,
    firstDifferentTxId: 110,
  });
});
