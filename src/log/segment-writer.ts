import type { FileHandle } from '../runtime/interface.ts';
import { checksumSeed, frameHeaderBytes, writeFrameHeader } from './frame.ts';
import type { SegmentEntry, SegmentHeader } from './segment-header.ts';
import type { TxId } from './types.ts';
import { writeZeros } from './zero-fill.ts';

/** Frames up to this size are put together in memory and written in one call. */
const joinedWriteBytes = 256 * 1024;

export interface OpenSegment {
  readonly handle: FileHandle;
  readonly entry: SegmentEntry;
  readonly header: SegmentHeader;
  readonly sizeBytes: number;
}

/** Writes frames into the preallocated room of one segment file. */
export class SegmentWriter {
  readonly entry: SegmentEntry;
  readonly header: SegmentHeader;
  readonly sizeBytes: number;
  readonly #handle: FileHandle;
  readonly #scratch: Buffer;
  #tail: number;
  /** Up to where a failed write may have left bytes behind the tail. */
  #dirtyEnd: number;

  constructor(segment: OpenSegment, tail: number, scratch = newFrameScratch()) {
    this.entry = segment.entry;
    this.header = segment.header;
    this.sizeBytes = segment.sizeBytes;
    this.#handle = segment.handle;
    this.#scratch = scratch;
    this.#tail = tail;
    this.#dirtyEnd = tail;
  }

  /** Where the next frame goes. */
  get tail(): number {
    return this.#tail;
  }

  /** Memory that a following segment's writer can take over. */
  get scratch(): Buffer {
    return this.#scratch;
  }

  get hasFailedFrame(): boolean {
    return this.#dirtyEnd > this.#tail;
  }

  hasRoomFor(payloadBytes: number): boolean {
    return this.#tail + frameHeaderBytes + payloadBytes <= this.sizeBytes;
  }

  /** Writes one frame behind the last one; it is not durable before `sync`. @throws QuorateError DISK_FULL, IO_ERROR */
  writeFrame(records: Uint8Array, count: number, firstTxId: TxId): void {
    const header = this.#scratch.subarray(0, frameHeaderBytes);
    const seed = checksumSeed(this.header.checksum, this.#tail);
    writeFrameHeader(header, { payloadBytes: records.length, count, firstTxId }, records, seed);
    const end = this.#tail + frameHeaderBytes + records.length;
    this.#dirtyEnd = end;
    this.#writeAll(header, records);
    this.#tail = end;
  }

  #writeAll(header: Buffer, records: Uint8Array): void {
    const sizeBytes = header.length + records.length;
    if (sizeBytes <= this.#scratch.length) {
      this.#scratch.set(records, header.length);
      this.#handle.writeSync(this.#scratch.subarray(0, sizeBytes), this.#tail);
    } else {
      this.#handle.writeSync(records, this.#tail + header.length);
      this.#handle.writeSync(header, this.#tail);
    }
  }

  /** Zeroes what a failed `writeFrame` has left; it is not durable before `sync`. @throws QuorateError */
  eraseFailedFrame(): void {
    writeZeros(this.#handle, this.#tail, this.#dirtyEnd);
    this.#dirtyEnd = this.#tail;
  }

  sync(): void {
    this.#handle.syncSync();
  }

  close(): void {
    this.#handle.closeSync();
  }
}

function newFrameScratch(): Buffer {
  return Buffer.allocUnsafeSlow(joinedWriteBytes);
}
