import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TailCache } from './tail-cache.ts';
import type { RecordRun } from './types.ts';

/** A batch whose bytes tell its first transaction. */
function batch(firstTxId: number, lastTxId: number, sizeBytes = 10): RecordRun {
  return { bytes: new Uint8Array(sizeBytes).fill(firstTxId), firstTxId, lastTxId };
}

test('batches that follow each other are given together, up to the limit on bytes', () => {
  const cache = new TailCache(1000);
  cache.add(batch(1, 3));
  cache.add(batch(4, 4));
  cache.add(batch(5, 9));
  const read = cache.read(1, 9, 25);
  assert.deepEqual([read?.firstTxId, read?.lastTxId], [1, 4]);
  assert.deepEqual([...(read?.bytes ?? [])], [...Array(10).fill(1), ...Array(10).fill(4)]);
});

test('a batch larger than the limit of one reading is given alone', () => {
  const cache = new TailCache(1000);
  cache.add(batch(1, 3));
  cache.add(batch(4, 4));
  assert.equal(cache.read(1, 4, 1)?.lastTxId, 3);
});

test('nothing is given beyond what may be sent, nor from the middle of a batch', () => {
  const cache = new TailCache(1000);
  cache.add(batch(1, 3));
  assert.equal(cache.read(1, 2, 100), undefined);
  assert.equal(cache.read(2, 3, 100), undefined);
  assert.equal(cache.read(4, 9, 100), undefined);
});

test('the oldest batches go when the limit is passed, and a gap empties the cache', () => {
  const cache = new TailCache(25);
  cache.add(batch(1, 1));
  cache.add(batch(2, 2));
  cache.add(batch(3, 3));
  assert.equal(cache.read(1, 3, 100), undefined);
  assert.equal(cache.read(2, 3, 10)?.firstTxId, 2);
  assert.equal(cache.read(3, 3, 10)?.firstTxId, 3);
  cache.add(batch(9, 9));
  assert.equal(cache.read(2, 9, 100), undefined);
  assert.equal(cache.sizeBytes, 10);
});

test('a follower that keeps up gets every batch once and unchanged, however many there are and whatever their sizes', () => {
  const cache = new TailCache(2000);
  const taken: number[] = [];
  for (let txId = 1; txId <= 200; txId += 1) {
    cache.add(batch(txId, txId, 1 + ((txId * 7) % 90)));
    for (let next = taken.length + 1; txId % 5 === 0 && next <= txId; next = taken.length + 1) {
      const run = cache.read(next, txId, 1000);
      assert.equal(run?.firstTxId, next);
      taken.push(...new Set(run?.bytes));
      assert.equal(run?.lastTxId, taken.length);
    }
  }
  assert.deepEqual(
    taken,
    Array.from({ length: 200 }, (_, index) => index + 1),
  );
  assert.ok(cache.sizeBytes <= 2000);
});
