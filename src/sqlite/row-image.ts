import { ByteReader, RawText, type StoredValue } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import type { StoredRow } from './stored-rows.ts';
import type { TableShape } from './table-shape.ts';

const noLimit = Number.POSITIVE_INFINITY;

/** Encodes values as the operations format does: every type and every byte. */
export function encodeValues(values: readonly StoredValue[]): Buffer {
  const writer = new ByteWriter(noLimit);
  for (const value of values) {
    writer.stored(value);
  }
  return Buffer.from(writer.bytes.subarray(0, writer.length));
}

/** @throws QuorateError PROTOCOL_ERROR when the bytes are not exactly `count` values */
export function decodeValues(bytes: Uint8Array, count: number): StoredValue[] {
  const reader = new ByteReader(bytes);
  return Array.from({ length: count }, () => reader.value());
}

/** A whole row: the values of its key, then all others. */
export function decodeRow(bytes: Uint8Array, table: TableShape): StoredRow {
  const keyCount = table.keyColumns.length;
  const values = decodeValues(bytes, keyCount + table.valueColumns.length);
  return { key: values.slice(0, keyCount), values: values.slice(keyCount) };
}

/** A value as JSON that loses nothing: what JSON itself cannot hold is an object with one field that names its type. */
export type ReadableValue = null | number | string | Readonly<Record<string, string>>;

export function readableValue(value: StoredValue): ReadableValue {
  if (value instanceof RawText) {
    const text = Buffer.from(value.bytes).toString('utf8');
    const exact = Buffer.compare(Buffer.from(text, 'utf8'), value.bytes) === 0;
    return exact ? text : { textBytes: Buffer.from(value.bytes).toString('hex') };
  }
  if (value instanceof Uint8Array) {
    return { blob: Buffer.from(value).toString('hex') };
  }
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : { integer: value.toString() };
  }
  // A JSON number with a whole value stands for an INTEGER.
  if (typeof value === 'number' && (Number.isInteger(value) || !Number.isFinite(value))) {
    return { real: Object.is(value, -0) ? '-0' : String(value) };
  }
  return value as null | number | string;
}

/** Values by the names of their columns. */
export function readableValues(
  columns: readonly { readonly name: string }[],
  values: readonly StoredValue[],
): Record<string, ReadableValue> {
  return Object.fromEntries(values.map((value, i) => [columns[i]?.name ?? `column ${i + 1}`, readableValue(value)]));
}
