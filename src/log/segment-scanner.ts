import { assertInvariant } from '../errors/interface.ts';
import type { FileHandle } from '../runtime/interface.ts';
import {
  checksumSeed,
  type FrameHeader,
  frameHeaderBytes,
  frameMarker,
  isFrameIntact,
  readFrameHeader,
} from './frame.ts';
import { readSegmentHeader, type SegmentEntry, type SegmentHeader, segmentHeaderBytes } from './segment-header.ts';
import type { TxId } from './types.ts';

/** Bytes read at once. Small enough to stay in a processor's cache between reading, checksum and hashing. */
const windowBytes = 1024 * 1024;

export interface Frame extends FrameHeader {
  /** The place of the frame in its file. */
  readonly offset: number;
  /** The first byte behind it. */
  readonly endOffset: number;
  /** Its records: a view that the next call on the scanner overwrites. */
  readonly records: Buffer;
}

/** Reads the frames of one segment file in order, through a window that slides over it. Synchronous. */
export class SegmentScanner {
  readonly entry: SegmentEntry;
  readonly header: SegmentHeader;
  /** Size of the file. */
  readonly sizeBytes: number;
  readonly #handle: FileHandle;
  #window = Buffer.alloc(0);
  #windowOffset = 0;

  /** @throws QuorateError LOG_CORRUPT, FORMAT_VERSION */
  constructor(handle: FileHandle, entry: SegmentEntry) {
    this.entry = entry;
    this.header = readSegmentHeader(handle, entry);
    this.sizeBytes = handle.sizeSync();
    this.#handle = handle;
  }

  /** The intact frame at `offset`, or undefined: the end of the log, a torn frame, or damage. */
  frameAt(offset: number): Frame | undefined {
    const header = this.frameHeaderAt(offset);
    if (header === undefined) {
      return undefined;
    }
    const sizeBytes = frameHeaderBytes + header.payloadBytes;
    const bytes = this.#load(offset, sizeBytes);
    if (bytes.length < sizeBytes || !isFrameIntact(bytes, checksumSeed(this.header.checksum, offset))) {
      return undefined;
    }
    return { ...header, offset, endOffset: offset + sizeBytes, records: bytes.subarray(frameHeaderBytes) };
  }

  /** The plausible frame header at `offset`; the checksum of the frame is not looked at. */
  frameHeaderAt(offset: number): FrameHeader | undefined {
    const header = readFrameHeader(this.#load(offset, frameHeaderBytes));
    return header && offset + frameHeaderBytes + header.payloadBytes <= this.sizeBytes ? header : undefined;
  }

  /** The place of the frame that holds `txId`, or the end of the frames; passes over those before it. */
  offsetOf(txId: TxId): number {
    let offset = segmentHeaderBytes;
    let header = this.frameHeaderAt(offset);
    while (header !== undefined && header.firstTxId + header.count <= txId) {
      offset += frameHeaderBytes + header.payloadBytes;
      header = this.frameHeaderAt(offset);
    }
    return offset;
  }

  /** Looks at every byte from `offset` on for an intact frame that begins above `afterTxId`; returns its place. */
  findFrame(offset: number, afterTxId: TxId): number | undefined {
    let candidate = this.#findMarker(offset);
    while (candidate !== undefined) {
      const frame = this.frameAt(candidate);
      if (frame !== undefined && frame.firstTxId > afterTxId) {
        return candidate;
      }
      candidate = this.#findMarker(candidate + 1);
    }
    return undefined;
  }

  /** The first byte from `offset` on behind which everything is zero. */
  endOfContent(offset: number): number {
    const zeros = Buffer.alloc(windowBytes);
    let end = offset;
    for (let start = offset; start < this.sizeBytes; start += windowBytes) {
      const bytes = this.#load(start, Math.min(windowBytes, this.sizeBytes - start));
      if (!bytes.equals(zeros.subarray(0, bytes.length))) {
        end = start + bytes.findLastIndex((byte) => byte !== 0) + 1;
      }
    }
    return end;
  }

  #findMarker(from: number): number | undefined {
    const step = windowBytes - (frameMarker.length - 1);
    for (let offset = from; offset + frameHeaderBytes <= this.sizeBytes; offset += step) {
      const found = this.#load(offset, Math.min(windowBytes, this.sizeBytes - offset)).indexOf(frameMarker);
      if (found >= 0) {
        return offset + found;
      }
    }
    return undefined;
  }

  /** `length` bytes at `offset`, fewer at the end of the file. */
  #load(offset: number, length: number): Buffer {
    assertInvariant(offset >= 0 && length >= 0, 'the scanner stays inside its file');
    if (offset < this.#windowOffset || offset + length > this.#windowOffset + this.#window.length) {
      const size = Math.min(Math.max(length, windowBytes), Math.max(this.sizeBytes - offset, 0));
      const target =
        size <= this.#window.buffer.byteLength
          ? Buffer.from(this.#window.buffer, 0, size)
          : Buffer.allocUnsafeSlow(size);
      this.#window = target.subarray(0, this.#handle.readSync(target, offset));
      this.#windowOffset = offset;
    }
    const start = offset - this.#windowOffset;
    return this.#window.subarray(start, start + length);
  }
}
