import { QuorateError } from '../errors/interface.ts';
import { RawText, type StoredValue } from './byte-reader.ts';
import { valueTags } from './operation-format.ts';
import type { SqlValue } from './types.ts';

const initialSizeBytes = 64 * 1024;
/** A buffer that one large transaction has grown is given back when it is larger than this. */
const keptSizeBytes = 4 * 1024 * 1024;
const smallTextUnits = 24;
const twoTo28 = 2 ** 28;

/** A growing buffer that values are written to; the hot path of capture, so it allocates nothing per value. */
export class ByteWriter {
  bytes: Buffer = Buffer.allocUnsafeSlow(initialSizeBytes);
  length = 0;
  /** Growing past this many bytes throws TRANSACTION_TOO_LARGE. */
  readonly limitBytes: number;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** Forgets everything from `length` on. */
  truncate(length: number): void {
    this.length = length;
    if (length === 0 && this.bytes.length > keptSizeBytes) {
      this.bytes = Buffer.allocUnsafeSlow(initialSizeBytes);
    }
  }

  /** Makes room for `count` more bytes. @throws QuorateError TRANSACTION_TOO_LARGE */
  reserve(count: number): void {
    if (this.length + count > this.bytes.length) {
      this.#grow(this.length + count);
    }
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** Unsigned LEB128 of a safe integer. */
  varint(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest >= twoTo28) {
      this.bytes[this.length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      this.bytes[this.length++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.bytes[this.length++] = rest;
  }

  raw(source: Uint8Array): void {
    this.reserve(source.length);
    this.bytes.set(source, this.length);
    this.length += source.length;
  }

  /** Length and bytes. */
  sizedBytes(source: Uint8Array): void {
    this.varint(source.length);
    this.raw(source);
  }

  /** Length and UTF-8. */
  name(text: string): void {
    this.sizedBytes(Buffer.from(text, 'utf8'));
  }

  integer(value: bigint): void {
    const number = Number(value);
    if (number >= -128 && number <= 127) {
      this.#tagged(valueTags.int8, 1);
      this.length = this.bytes.writeInt8(number, this.length);
    } else if (number >= -0x8000_0000 && number <= 0x7fff_ffff) {
      this.#tagged(valueTags.int32, 4);
      this.length = this.bytes.writeInt32LE(number, this.length);
    } else {
      this.#tagged(valueTags.int64, 8);
      this.length = this.bytes.writeBigInt64LE(value, this.length);
    }
  }

  real(value: number): void {
    this.#tagged(valueTags.real, 8);
    this.length = this.bytes.writeDoubleLE(value, this.length);
  }

  /**
   * Writes a text that SQLite holds in `octets` bytes. Returns false, and what it wrote is to be forgotten, when the
   * JavaScript string does not stand for exactly those bytes: node:sqlite ends strings at NUL and replaces what is not
   * UTF-8 by U+FFFD.
   */
  exactText(text: string, octets: number): boolean {
    this.reserve(octets + 16);
    this.bytes[this.length++] = valueTags.text;
    this.varint(octets);
    if (octets === text.length && octets <= smallTextUnits) {
      return this.#smallAscii(text);
    }
    const written = this.bytes.write(text, this.length);
    this.length += written;
    return written === octets && (octets === text.length || !text.includes('\uFFFD'));
  }

  text(source: Uint8Array): void {
    this.byte(valueTags.text);
    this.sizedBytes(source);
  }

  blob(source: Uint8Array): void {
    this.byte(valueTags.blob);
    this.sizedBytes(source);
  }

  /** Any value but a text whose bytes are not known. */
  value(value: SqlValue): void {
    switch (typeof value) {
      case 'bigint':
        return this.integer(value);
      case 'number':
        return this.real(value);
      case 'string':
        return this.text(Buffer.from(value, 'utf8'));
      default:
        return value === null ? this.byte(valueTags.null) : this.blob(value);
    }
  }

  /** Any value, text as its exact bytes. */
  stored(value: StoredValue): void {
    if (value instanceof RawText) {
      this.text(value.bytes);
    } else {
      this.value(value);
    }
  }

  #smallAscii(text: string): boolean {
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 127) {
        return false;
      }
      this.bytes[this.length++] = unit;
    }
    return true;
  }

  #tagged(tag: number, sizeBytes: number): void {
    this.reserve(sizeBytes + 1);
    this.bytes[this.length++] = tag;
  }

  #grow(needed: number): void {
    if (needed > this.limitBytes) {
      throw new QuorateError('TRANSACTION_TOO_LARGE', `the transaction changes more than ${this.limitBytes} bytes`, {
        hint: 'Split it into several transactions, or raise the limit on the size of a transaction.',
        details: { limitBytes: this.limitBytes },
      });
    }
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }
}
