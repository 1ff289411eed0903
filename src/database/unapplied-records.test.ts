import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TransactionLog } from '../log/interface.ts';
import { databaseId, directory, encodeFrame, simulatedFiles } from '../log/testing/sample-log.ts';
import { UnappliedRecords } from './unapplied-records.ts';

const recordBytes = 1000;

/** A log with nothing in it, and the records that wait to be applied, at most ten of them in memory. */
function newRecords() {
  const files = simulatedFiles();
  const log = TransactionLog.create(files, directory, databaseId);
  return { log, files, records: new UnappliedRecords(log, 0, 10 * recordBytes) };
}

/** Appends one frame of `count` records and gives its bytes to `records` as they arrive. */
function arrive({ log, records }: ReturnType<typeof newRecords>, count: number): void {
  const firstTxId = log.tip.txId + 1;
  const overhead = 80;
  const frame = encodeFrame(
    log,
    Array.from({ length: count }, () => recordBytes - overhead),
  );
  log.append(frame.bytes, frame.count, frame.end);
  log.sync();
  records.add(Uint8Array.from(frame.bytes), firstTxId);
}

/** Takes everything up to `throughTxId`, at most `atOnce` records each time. */
function takeAll(records: UnappliedRecords, throughTxId: number, atOnce: number): number[][] {
  const slices: number[][] = [];
  for (;;) {
    const slice = records.peek(throughTxId, { maxApplyRecords: atOnce, maxApplyBytes: 1_000_000 });
    if (slice.length === 0) {
      return slices;
    }
    slices.push(slice.map(({ txId }) => txId));
    records.remove(slice);
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

test('every record comes once and in order, also when most of them do not fit into memory', () => {
  const parts = newRecords();
  for (let frame = 0; frame < 20; frame += 1) {
    arrive(parts, 3);
  }
  assert.deepEqual(takeAll(parts.records, 60, 4).flat(), range(1, 60));
  arrive(parts, 3);
  assert.deepEqual(takeAll(parts.records, 63, 4).flat(), range(61, 63));
});

test('records that arrive while older ones are only in the log do not overtake them', () => {
  const parts = newRecords();
  arrive(parts, 8);
  arrive(parts, 8);
  assert.deepEqual(takeAll(parts.records, 8, 100).flat(), range(1, 8));
  arrive(parts, 2);
  assert.deepEqual(takeAll(parts.records, 18, 100).flat(), range(9, 18));
});

test('nothing is given beyond the commit position, and a record stays until it is removed', () => {
  const parts = newRecords();
  arrive(parts, 5);
  const limits = { maxApplyRecords: 100, maxApplyBytes: 1_000_000 };
  assert.deepEqual(parts.records.peek(0, limits), []);
  assert.equal(parts.records.peek(2, limits).length, 2);
  assert.deepEqual(takeAll(parts.records, 2, 100), [[1, 2]]);
  assert.deepEqual(takeAll(parts.records, 5, 100), [[3, 4, 5]]);
});

test('a slice ends at the limit of bytes but has one record at least', () => {
  const parts = newRecords();
  arrive(parts, 5);
  assert.equal(parts.records.peek(5, { maxApplyRecords: 100, maxApplyBytes: 1 }).length, 1);
  assert.equal(parts.records.peek(5, { maxApplyRecords: 100, maxApplyBytes: 3 * recordBytes }).length, 3);
});

test('after a restart the records come from the log', () => {
  const parts = newRecords();
  arrive(parts, 30);
  const { log } = TransactionLog.open(parts.files, directory);
  const records = new UnappliedRecords(log, 12, 10 * recordBytes);
  assert.deepEqual(takeAll(records, 30, 7).flat(), range(13, 30));
});
