import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordAssembler } from './record-assembler.ts';

test('parts become one record in their order', () => {
  const assembler = new RecordAssembler(100);
  assert.equal(assembler.add(Uint8Array.of(1, 2), true), undefined);
  assert.equal(assembler.add(Uint8Array.of(3), true), undefined);
  assert.deepEqual([...(assembler.add(Uint8Array.of(4), false) ?? [])], [1, 2, 3, 4]);
  assert.deepEqual([...(assembler.add(Uint8Array.of(5), false) ?? [])], [5]);
});

test('a record that never ends is refused at the limit', () => {
  const assembler = new RecordAssembler(100);
  assembler.add(new Uint8Array(60), true);
  assert.throws(() => assembler.add(new Uint8Array(60), true), { code: 'MESSAGE_TOO_LARGE' });
});
