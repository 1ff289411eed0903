import { QuorateError } from '../errors/interface.ts';
import { valueTags } from './operation-format.ts';
import type { SqlValue } from './types.ts';

/** A text that no JavaScript string stands for exactly: it holds bytes that are not UTF-8 (or a real U+FFFD). */
export class RawText {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** What the operations format can hold; integers are always `bigint`, reals always `number`. */
export type StoredValue = SqlValue | RawText;

export function malformed(what: string): QuorateError {
  return new QuorateError('PROTOCOL_ERROR', `malformed operations: ${what}`, {
    hint: 'The record was damaged, or written by a version that this one does not understand.',
  });
}

/** Reads what `ByteWriter` writes. Never reads past the end: everything malformed throws PROTOCOL_ERROR. */
export class ByteReader {
  readonly bytes: Buffer;
  offset: number;
  /** Reading stops here. */
  end: number;

  constructor(source: Uint8Array) {
    this.bytes = Buffer.from(source.buffer, source.byteOffset, source.length);
    this.offset = 0;
    this.end = source.length;
  }

  get done(): boolean {
    return this.offset >= this.end;
  }

  byte(): number {
    const at = this.#take(1);
    return this.bytes[at] as number;
  }

  varint(): number {
    let result = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.byte();
      result += (byte & 127) * scale;
      if (byte < 128) {
        if (result > Number.MAX_SAFE_INTEGER) {
          break;
        }
        return result;
      }
      scale *= 128;
    }
    throw malformed('a number is too large');
  }

  /** A view of the next bytes, not a copy. */
  view(length: number): Buffer {
    const at = this.#take(length);
    return this.bytes.subarray(at, at + length);
  }

  sizedView(): Buffer {
    return this.view(this.varint());
  }

  name(): string {
    return this.sizedView().toString();
  }

  value(): StoredValue {
    const tag = this.byte();
    switch (tag) {
      case valueTags.null:
        return null;
      case valueTags.int8:
        return BigInt(this.bytes.readInt8(this.#take(1)));
      case valueTags.int32:
        return BigInt(this.bytes.readInt32LE(this.#take(4)));
      case valueTags.int64:
        return this.bytes.readBigInt64LE(this.#take(8));
      case valueTags.real:
        return this.bytes.readDoubleLE(this.#take(8));
      case valueTags.text:
        return this.#text();
      case valueTags.blob:
        return this.sizedView();
      default:
        throw malformed(`unknown value tag ${tag}`);
    }
  }

  #text(): string | RawText {
    const length = this.varint();
    const at = this.#take(length);
    const text = this.bytes.toString('utf8', at, at + length);
    if (text.includes('\uFFFD')) {
      return new RawText(this.bytes.subarray(at, at + length));
    }
    return text;
  }

  #take(length: number): number {
    const at = this.offset;
    if (length > this.end - at) {
      throw malformed('it ends too early');
    }
    this.offset = at + length;
    return at;
  }
}
