import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeSnapshotMessage, ExportSnapshotResponse, encodeSnapshotMessage, releaseChunk } from './interface.ts';

const chunks = [0, 1, 127, 128, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER].flatMap((offset) =>
  [0, 1, 200, 70_000].map((size): ExportSnapshotResponse => {
    return { message: { $case: 'chunk', value: { offset, content: Buffer.alloc(size, 7) } } };
  }),
);
const others: ExportSnapshotResponse[] = [
  { message: { $case: 'end', value: { sha256: Buffer.alloc(32, 3) } } },
  {
    message: {
      $case: 'header',
      value: {
        snapshotId: '00112233aabbccdd',
        sizeBytes: 2 ** 40,
        databaseId: Buffer.alloc(16, 1),
        position: { txId: 9, term: 2, hash: Buffer.alloc(32, 2) },
        format: 1,
        offset: 0,
      },
    },
  },
];

test('what is written here is read by generated code, and the other way round', () => {
  for (const message of [...chunks, ...others]) {
    assert.deepEqual(ExportSnapshotResponse.decode(encodeSnapshotMessage(message)), message);
    const generated = Buffer.from(ExportSnapshotResponse.encode(message).finish());
    assert.deepEqual(decodeSnapshotMessage(generated), message);
    assert.deepEqual(decodeSnapshotMessage(encodeSnapshotMessage(message)), message);
  }
});

test('a chunk with fields of a later version is read', () => {
  const [message] = chunks.slice(-1);
  assert.ok(message !== undefined);
  const later = Buffer.concat([encodeSnapshotMessage(message), Buffer.from([0x78, 1])]);
  assert.deepEqual(decodeSnapshotMessage(later), message);
});

test('the bytes of a chunk that arrives are not copied', () => {
  const bytes = encodeSnapshotMessage({
    message: { $case: 'chunk', value: { offset: 5, content: Buffer.from('abc') } },
  });
  const { message } = decodeSnapshotMessage(bytes);
  assert.ok(message?.$case === 'chunk');
  assert.equal(message.value.content.buffer, bytes.buffer);
});

test('the memory of a chunk is given back when it holds nothing else', () => {
  const encoded = encodeSnapshotMessage({
    message: { $case: 'chunk', value: { offset: 5, content: Buffer.alloc(100_000) } },
  });
  const whole = Buffer.from(new Uint8Array(encoded).buffer);
  const shared = Buffer.concat([encoded, Buffer.alloc(1)]).subarray(0, encoded.length);
  for (const [bytes, left] of [
    [whole, 0],
    [shared, 100_000],
  ] as const) {
    const { message } = decodeSnapshotMessage(bytes);
    assert.ok(message?.$case === 'chunk');
    releaseChunk(message.value);
    assert.equal(message.value.content.length, left);
  }
});
