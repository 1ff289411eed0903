import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isQuorateError } from '../errors/interface.ts';
import { decodeRecord, encodeRecord, genesisHash, type LogPosition, RecordEncoder, verifyBatch } from './interface.ts';
import { databaseId, sampleFields } from './testing/sample-log.ts';

const start: LogPosition = { txId: 0, term: 0, hash: genesisHash(databaseId) };

function encode(after: LogPosition, sizes: readonly number[], term = 1): RecordEncoder {
  const encoder = new RecordEncoder(after);
  for (const size of sizes) {
    const txId = after.txId + encoder.count + 1;
    encoder.add(sampleFields(txId, Buffer.alloc(size, txId), term));
  }
  return encoder;
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return isQuorateError(error) ? error.code : String(error);
  }
  return 'accepted';
}

describe('verifyBatch', () => {
  it('accepts consecutive records and tells the position after them', () => {
    const first = encode(start, [10, 0, 20_000]);
    const batch = verifyBatch(first.bytes, start);
    assert.deepEqual(
      { firstTxId: batch.firstTxId, lastTxId: batch.lastTxId, end: batch.end },
      { firstTxId: 1, lastTxId: 3, end: first.end },
    );
    const second = encode(batch.end, [1, 2], 7);
    assert.deepEqual(verifyBatch(second.bytes, batch.end).end, second.end);
  });

  it('refuses a batch in which any one bit was changed', () => {
    const bytes = Buffer.from(encode(start, [5, 9, 0]).bytes);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      const code = codeOf(() => verifyBatch(damaged, start));
      assert.ok(code === 'DIVERGED' || code === 'PROTOCOL_ERROR', `bit ${bit}: ${code}`);
    }
  });

  it('refuses a batch that ends in the middle of a record, and an empty one', () => {
    const { bytes } = encode(start, [5, 9]);
    const firstSize = decodeRecord(bytes).sizeBytes;
    for (let length = 0; length < bytes.length; length += 1) {
      const expected = length === firstSize ? 'accepted' : 'PROTOCOL_ERROR';
      assert.equal(
        codeOf(() => verifyBatch(bytes.subarray(0, length), start)),
        expected,
        `length ${length}`,
      );
    }
  });

  it('calls a correctly numbered record of another history divergence', () => {
    const other: LogPosition = { ...start, hash: genesisHash(Buffer.alloc(16, 9)) };
    assert.equal(
      codeOf(() => verifyBatch(encode(other, [4]).bytes, start)),
      'DIVERGED',
    );
  });

  it('refuses records with a gap, a repetition, or a term that goes down', () => {
    const { end } = encode(start, [1], 5);
    for (const fields of [
      sampleFields(3, Buffer.alloc(1), 5),
      sampleFields(1, Buffer.alloc(1), 5),
      sampleFields(2, Buffer.alloc(1), 4),
    ]) {
      const { bytes } = encodeRecord(fields, end.hash);
      assert.equal(
        codeOf(() => verifyBatch(bytes, end)),
        'PROTOCOL_ERROR',
        `txId ${fields.txId} term ${fields.term}`,
      );
    }
  });
});
