import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordEncoder, TransactionLog } from '../log/interface.ts';
import { createSeededRandom, SimulatedFileSystem } from '../runtime/interface.ts';
import { logEnds } from './log-ends.ts';

function logOf(records: number): TransactionLog {
  const files = new SimulatedFileSystem(createSeededRandom(1));
  const log = TransactionLog.create(files, '/data/log', new Uint8Array(16));
  const encoder = new RecordEncoder(log.tip);
  for (let txId = 1; txId <= records; txId += 1) {
    const operations = new Uint8Array(1);
    encoder.add({ txId, term: 1, timeMs: txId, timeCounter: 0, origin: 1n, schemaHash: 0n, operations });
  }
  log.append(encoder.bytes, encoder.count, encoder.end);
  log.sync();
  return log;
}

test('all records that a primary may lose at once are offered as places to cut at', () => {
  using log = logOf(600);
  const { durable, committed, between } = logEnds(log, 0);
  assert.equal(durable.txId, 600);
  assert.equal(committed.txId, 0);
  assert.deepEqual(
    between.map(({ txId }) => txId),
    Array.from({ length: 512 }, (_, index) => 599 - index),
  );
  assert.deepEqual(between[3], log.positionOf(596));
});

test('of older records a few are offered, and none that is committed', () => {
  using log = logOf(5000);
  const older = logEnds(log, 100).between.slice(512);
  assert.deepEqual(
    older.map(({ txId }) => txId),
    [3976, 2952, 904],
  );
  assert.deepEqual(logEnds(log, 4999).between, []);
  assert.deepEqual(logEnds(log, 5000).between, []);
});
