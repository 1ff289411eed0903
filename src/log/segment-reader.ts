import type { FileHandle, FileSystem } from '../runtime/interface.ts';
import { checksumSeed, type FrameHeader, frameHeaderBytes, isFrameIntact, readFrameHeader } from './frame.ts';
import { decodeSegmentHeader, type SegmentEntry, type SegmentHeader, segmentHeaderBytes } from './segment-header.ts';
import { SparseIndex } from './sparse-index.ts';
import type { TxId } from './types.ts';

/** Bytes of the first read of a call; enough for the newest group commit, which replicas at the tip ask for. */
const firstReadBytes = 64 * 1024;

/** Bytes of the further reads of a call that catches up. */
const furtherReadBytes = 512 * 1024;

/** An intact frame, with bytes that belong to the caller. */
export interface LoadedFrame extends FrameHeader {
  readonly records: Buffer;
}

/** A piece of the file that one call has read. */
interface Window {
  readonly bytes: Buffer;
  readonly offset: number;
}

/** Reads frames of one segment file without blocking the thread. Several calls may run at the same time. */
export class SegmentReader {
  readonly entry: SegmentEntry;
  readonly #handle: FileHandle;
  readonly #index = new SparseIndex();
  #header: SegmentHeader | undefined;
  #users = 0;
  #retired = false;

  private constructor(handle: FileHandle, entry: SegmentEntry) {
    this.#handle = handle;
    this.entry = entry;
  }

  static open(files: FileSystem, entry: SegmentEntry): SegmentReader {
    return new SegmentReader(files.openSync(entry.path, 'read'), entry);
  }

  /** Runs `action` and keeps the file open until it has ended. */
  async use<T>(action: (reader: SegmentReader) => Promise<T>): Promise<T> {
    this.#users += 1;
    try {
      return await action(this);
    } finally {
      this.#users -= 1;
      this.#closeWhenUnused();
    }
  }

  /** Closes the file as soon as nobody reads from it. */
  retire(): void {
    if (!this.#retired) {
      this.#retired = true;
      this.#closeWhenUnused();
    }
  }

  /** @throws QuorateError LOG_CORRUPT, FORMAT_VERSION, IO_ERROR */
  async header(): Promise<SegmentHeader> {
    if (this.#header === undefined) {
      const { bytes } = await this.#readWindow(0, segmentHeaderBytes);
      this.#header = decodeSegmentHeader(bytes, this.entry);
    }
    return this.#header;
  }

  /**
   * Yields intact frames in order, beginning with the one that holds `fromTxId`, until the first place without one: the
   * end of what has been written, or damage.
   */
  async *frames(fromTxId: TxId): AsyncGenerator<LoadedFrame, void, undefined> {
    const { checksum } = await this.header();
    let offset = this.#index.startFor(fromTxId) ?? segmentHeaderBytes;
    let window: Window = await this.#readWindow(offset, firstReadBytes);
    for (;;) {
      window = await this.#slide(window, offset, frameHeaderBytes);
      const header = readFrameHeader(viewInto(window, offset, frameHeaderBytes));
      if (header === undefined) {
        return;
      }
      const sizeBytes = frameHeaderBytes + header.payloadBytes;
      if (header.firstTxId + header.count > fromTxId) {
        window = await this.#slide(window, offset, sizeBytes);
        const frame = viewInto(window, offset, sizeBytes);
        if (frame.length < sizeBytes || !isFrameIntact(frame, checksumSeed(checksum, offset))) {
          return;
        }
        this.#index.add(header.firstTxId, offset);
        this.#index.remember(header.firstTxId + header.count, offset + sizeBytes);
        yield { ...header, records: frame.subarray(frameHeaderBytes) };
      } else {
        this.#index.add(header.firstTxId, offset);
      }
      offset += sizeBytes;
    }
  }

  /** A window that holds `length` bytes at `offset`, as far as the file reaches. */
  #slide(window: Window, offset: number, length: number): Window | Promise<Window> {
    const holds = offset >= window.offset && offset + length <= window.offset + window.bytes.length;
    return holds ? window : this.#readWindow(offset, Math.max(length, furtherReadBytes));
  }

  async #readWindow(offset: number, length: number): Promise<Window> {
    const target = Buffer.allocUnsafeSlow(length);
    let done = 0;
    while (done < length) {
      const count = await this.#handle.read(target.subarray(done), offset + done);
      if (count === 0) {
        break;
      }
      done += count;
    }
    return { bytes: target.subarray(0, done), offset };
  }

  #closeWhenUnused(): void {
    if (this.#retired && this.#users === 0) {
      this.#handle.closeSync();
    }
  }
}

function viewInto(window: Window, offset: number, length: number): Buffer {
  const start = offset - window.offset;
  return window.bytes.subarray(start, start + length);
}
