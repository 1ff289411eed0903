import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  decodeRecord,
  encodeRecord,
  genesisHash,
  type LogPosition,
  RecordEncoder,
  type RecordFields,
} from './interface.ts';
import { databaseId, sampleFields } from './testing/sample-log.ts';

const uint64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
const anyFields: fc.Arbitrary<RecordFields> = fc.record({
  txId: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  term: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  timeMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  timeCounter: fc.integer({ min: 0, max: 65_535 }),
  origin: uint64,
  schemaHash: uint64,
  operations: fc.uint8Array({ maxLength: 40_000, size: 'max' }),
});

const start: LogPosition = { txId: 0, term: 0, hash: genesisHash(databaseId) };

describe('a record', () => {
  it('decodes to what was encoded, wherever it lies in the bytes', () => {
    fc.assert(
      fc.property(anyFields, fc.nat({ max: 9 }), (fields, offset) => {
        const { bytes, hash } = encodeRecord(fields, start.hash);
        const shifted = Buffer.concat([Buffer.alloc(offset, 0xee), bytes, Buffer.alloc(3, 0xee)]);
        const { operations, hash: decodedHash, sizeBytes, ...rest } = decodeRecord(shifted, offset);
        const { operations: expectedOperations, ...expected } = fields;
        assert.deepEqual(rest, expected);
        assert.equal(Buffer.compare(operations, expectedOperations), 0);
        assert.equal(Buffer.compare(decodedHash, hash), 0);
        assert.equal(sizeBytes, bytes.length);
      }),
      { numRuns: 300 },
    );
  });

  it('ends with SHA-256 of the previous hash and its own bytes', () => {
    const { bytes, hash } = encodeRecord(sampleFields(1), start.hash);
    const expected = createHash('sha256').update(start.hash).update(bytes.subarray(0, -32)).digest();
    assert.deepEqual(Buffer.from(bytes.subarray(-32)), expected);
    assert.deepEqual(Buffer.from(hash), expected);
  });

  it('is the same bytes from the encoder of many as from the encoder of one', () => {
    const sizes = [0, 1, 70_000, 300, 2_000_000, 5];
    const encoder = new RecordEncoder(start);
    let hash = start.hash;
    const single = sizes.map((size, index) => {
      const fields = sampleFields(index + 1, Buffer.alloc(size, index));
      encoder.add(fields);
      const record = encodeRecord(fields, hash);
      hash = record.hash;
      return record.bytes;
    });
    assert.equal(Buffer.compare(encoder.bytes, Buffer.concat(single)), 0);
    assert.equal(encoder.count, sizes.length);
    assert.deepEqual(encoder.end, { txId: sizes.length, term: 1, hash: Buffer.from(hash) });
  });

  it('follows the new position after a reset of the encoder', () => {
    const encoder = new RecordEncoder(start);
    encoder.add(sampleFields(1, Buffer.alloc(3_000_000)));
    const { end } = encoder;
    encoder.reset(end);
    encoder.add(sampleFields(2));
    assert.equal(Buffer.compare(encoder.bytes, encodeRecord(sampleFields(2), end.hash).bytes), 0);
    assert.equal(encoder.count, 1);
  });

  it('is refused when a field does not fit its bytes', () => {
    const wrong: Partial<RecordFields>[] = [
      { txId: 0 },
      { txId: 2 ** 53 },
      { term: -1 },
      { term: 1.5 },
      { timeMs: 2 ** 48 },
      { timeMs: 0.5 },
      { timeCounter: 65_536 },
      { origin: -1n },
      { schemaHash: 2n ** 64n },
    ];
    for (const change of wrong) {
      const encode = () => encodeRecord({ ...sampleFields(1), ...change }, start.hash);
      assert.throws(encode, { code: 'INTERNAL' }, JSON.stringify(Object.keys(change)));
    }
  });

  it('is refused by the encoder when it leaves a gap or goes back to an older term', () => {
    const encoder = new RecordEncoder({ ...start, txId: 4, term: 3 });
    assert.throws(() => encoder.add(sampleFields(6, Buffer.alloc(0), 3)), { code: 'INTERNAL' });
    assert.throws(() => encoder.add(sampleFields(5, Buffer.alloc(0), 2)), { code: 'INTERNAL' });
  });

  it('is not decoded when it is incomplete', () => {
    const { bytes } = encodeRecord(sampleFields(1), start.hash);
    for (let length = 0; length < bytes.length; length += 1) {
      assert.throws(() => decodeRecord(bytes.subarray(0, length)), { code: 'PROTOCOL_ERROR' });
    }
  });
});

describe('the hash before the first record', () => {
  it('differs between databases, so that they never share a history', () => {
    const other = Buffer.from(databaseId);
    other[15] = 0xff;
    assert.notDeepEqual(genesisHash(databaseId), genesisHash(other));
    assert.equal(genesisHash(databaseId).length, 32);
  });
});
