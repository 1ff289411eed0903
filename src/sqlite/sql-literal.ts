import { RawText, type StoredValue } from './byte-reader.ts';
import { quoteString } from './tokenizer.ts';

/** A value as SQL that stands for exactly it: same type, same bytes. */
export function sqlLiteral(value: StoredValue): string {
  if (value === null) {
    return 'NULL';
  }
  if (value instanceof RawText) {
    return rawTextLiteral(value.bytes);
  }
  if (value instanceof Uint8Array) {
    return blobLiteral(value);
  }
  switch (typeof value) {
    case 'string':
      return textLiteral(value);
    case 'bigint':
      return String(value);
    default:
      return realLiteral(value);
  }
}

/** SQLite reads 9e999 as infinity; a whole number needs its point to stay a REAL. */
function realLiteral(value: number): string {
  if (!Number.isFinite(value)) {
    return value > 0 ? '9e999' : '-9e999';
  }
  const text = Object.is(value, -0) ? '-0' : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

function blobLiteral(bytes: Uint8Array): string {
  return `X'${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}'`;
}

/** A literal ends at a NUL. */
function textLiteral(text: string): string {
  return text.includes('\0') ? castBytes(Buffer.from(text)) : quoteString(text);
}

/** Text that is not UTF-8 would change on its way through a string. */
function rawTextLiteral(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return Buffer.from(text).equals(bytes) ? textLiteral(text) : castBytes(bytes);
}

function castBytes(bytes: Uint8Array): string {
  return `CAST(${blobLiteral(bytes)} AS TEXT)`;
}
