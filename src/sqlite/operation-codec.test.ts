import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { isQuorateError } from '../errors/interface.ts';
import { ByteReader, RawText, type StoredValue } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { ReplicatedPair } from './testing/replicated-pair.ts';

const limitBytes = 1 << 24;

function written(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter(limitBytes);
  write(writer);
  return writer.bytes.subarray(0, writer.length);
}

test('numbers of every length survive', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      assert.equal(new ByteReader(written((writer) => writer.varint(value))).varint(), value);
    }),
  );
});

test('every value that SQLite can hold survives byte for byte', () => {
  const value = fc.oneof(
    fc.constant(null),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.bigInt({ min: -129n, max: 128n }),
    fc.double({ noNaN: true }),
    fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed() && !text.includes('\uFFFD')),
    fc.uint8Array(),
  );
  fc.assert(
    fc.property(fc.array(value), (values) => {
      const bytes = written((writer) => {
        for (const item of values) {
          writer.value(item);
        }
      });
      const reader = new ByteReader(bytes);
      const read: StoredValue[] = values.map(() => reader.value());
      assert.ok(reader.done);
      for (const [i, item] of values.entries()) {
        const same =
          item instanceof Uint8Array ? Buffer.compare(item, read[i] as Uint8Array) === 0 : Object.is(item, read[i]);
        assert.ok(same, String(item));
      }
    }),
  );
});

test('text that is not UTF-8 comes back as its bytes', () => {
  for (const bytes of [[0xff], [0xed, 0xa0, 0x80], [0xc3], [0xef, 0xbf, 0xbd], [0x61, 0xf0, 0x9f]]) {
    const value = new ByteReader(written((writer) => writer.text(Buffer.from(bytes)))).value();
    assert.ok(value instanceof RawText);
    assert.deepEqual([...value.bytes], bytes);
  }
});

test('a string that hides bytes is not taken for exact', () => {
  const exact = (text: string, octets: number) => new ByteWriter(limitBytes).exactText(text, octets);
  assert.ok(exact('plain', 5));
  assert.ok(exact('ä€😀', 9));
  assert.ok(!exact('cut at NUL', 20));
  assert.ok(!exact('\uFFFD', 1));
  assert.ok(!exact('\uFFFD', 3), 'three broken bytes and a real U+FFFD look alike');
  assert.ok(!exact(`${'x'.repeat(40)}\uFFFD`, 43));
});

test('damaged operations are refused with PROTOCOL_ERROR, never half understood', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b)');
  const { captured } = pair.capture("INSERT INTO t (a, b) VALUES ('text', 1.5), (x'00', 'more')", 'UPDATE t SET a = 1');
  fc.assert(
    fc.property(fc.nat(captured.operations.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const damaged = Buffer.from(captured.operations);
      damaged[at] = (damaged[at]! + change) % 256;
      const error = errorOf(() => pair.apply({ ...captured, operations: damaged }));
      assert.ok(error === undefined || (isQuorateError(error) && error.code !== 'INTERNAL'), String(error));
      for (const length of [at, captured.operations.length - 1]) {
        const cut = errorOf(() => pair.apply({ ...captured, operations: captured.operations.subarray(0, length) }));
        assert.ok(length === 0 || (isQuorateError(cut) && cut.code === 'PROTOCOL_ERROR'), String(cut));
      }
    }),
    { numRuns: 300 },
  );
});

test('an unknown kind of operation is refused', () => {
  using pair = new ReplicatedPair();
  for (const kind of [0, 6, 9, 200]) {
    const operations = Uint8Array.of(kind, 1, 0);
    assert.throws(() => pair.apply({ operations, schemaHash: pair.primary.schemaHash }), { code: 'PROTOCOL_ERROR' });
  }
});

test('the example in the format document is what is written', () => {
  const page = fs.readFileSync(new URL('../../docs/operations-format.md', import.meta.url), 'utf8');
  const example = page.slice(page.indexOf('## An example')).split('```')[1] ?? '';
  const bytes = example.split('\n').flatMap((line) => line.slice(0, 21).match(/\b[0-9a-f]{2}\b/g) ?? []);
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n INTEGER)');
  const { captured } = pair.capture("INSERT INTO t (a, n) VALUES ('hi', 300)");
  assert.equal(Buffer.from(captured.operations).toString('hex'), bytes.join(''));
});

test('the schema hash is the one that the format document describes', () => {
  using pair = new ReplicatedPair();
  pair.run(
    'CREATE TABLE t (a)',
    'CREATE VIEW "ä" AS SELECT 1',
    'CREATE TABLE s (id INTEGER PRIMARY KEY AUTOINCREMENT)',
  );
  const rows = [
    ['table', 's', 's', 'CREATE TABLE s (id INTEGER PRIMARY KEY AUTOINCREMENT)'],
    ['table', 't', 't', 'CREATE TABLE t (a)'],
    ['view', 'ä', 'ä', 'CREATE VIEW "ä" AS SELECT 1'],
  ];
  const text = rows.flatMap((row) => row.map((field) => `${field.length}:${field}`)).join('');
  const expected = createHash('sha256').update(text, 'utf8').digest().readBigUInt64BE(0);
  assert.equal(pair.primary.schemaHash, expected);
});

/** What an action throws; its effects are undone by throwing in the end. */
function errorOf(action: () => void): unknown {
  try {
    action();
    return undefined;
  } catch (error) {
    return error;
  }
}
