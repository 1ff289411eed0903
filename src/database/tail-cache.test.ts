import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordBatch } from '../log/interface.ts';
import { TailCache } from './tail-cache.ts';

function batch(firstTxId: number, lastTxId: number, sizeBytes = 10): RecordBatch {
  const end = { txId: lastTxId, term: 1, hash: new Uint8Array(32) };
  return { bytes: new Uint8Array(sizeBytes).fill(firstTxId), firstTxId, lastTxId, end };
}

test('batches that follow each other are given together, up to the limit on bytes', () => {
  const cache = new TailCache(1000);
  cache.add(batch(1, 3));
  cache.add(batch(4, 4));
  cache.add(batch(5, 9));
  const read = cache.read(1, 9, 25);
  assert.deepEqual([read?.firstTxId, read?.lastTxId, read?.bytes.length, read?.end.txId], [1, 4, 20, 4]);
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
  assert.equal(cache.read(2, 3, 100)?.lastTxId, 3);
  cache.add(batch(9, 9));
  assert.equal(cache.read(2, 9, 100), undefined);
  assert.equal(cache.sizeBytes, 10);
});
