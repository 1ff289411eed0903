import { crc32 } from 'node:zlib';
import { maxRecordBytes, recordOverheadBytes, viewOf } from './record.ts';
import { readSafeInteger, writeSafeInteger } from './safe-integer.ts';
import type { TxId } from './types.ts';

/** The first bytes of every frame: 'QFRM' with its first letter outside ASCII, so that text rarely looks like it. */
export const frameMarker: Buffer = Buffer.from([0xd1, 0x46, 0x52, 0x4d]);

const offsets = { marker: 0, checksum: 4, payloadBytes: 8, count: 12, firstTxId: 16, payload: 24 } as const;

/** Bytes in front of the records of a frame. */
export const frameHeaderBytes = offsets.payload;

/** Limit on the records of one frame, which are written and fsynced together. */
export const maxPayloadBytes = maxRecordBytes;

export interface FrameHeader {
  readonly payloadBytes: number;
  readonly count: number;
  readonly firstTxId: TxId;
}

/**
 * The start value of the checksum of a frame. It depends on the segment and on the place in it: bytes that happen to
 * be a whole frame, such as a log file stored as a BLOB inside a transaction, are never taken for one of this log.
 */
export function checksumSeed(segmentChecksum: number, offset: number): number {
  return (segmentChecksum ^ offset) >>> 0;
}

const marker = viewOf(frameMarker).getUint32(0, true);

/** Writes the header in front of records that are not in the same buffer. `target` has `frameHeaderBytes`. */
export function writeFrameHeader(target: Buffer, header: FrameHeader, records: Uint8Array, seed: number): void {
  const view = viewOf(target);
  view.setUint32(offsets.marker, marker, true);
  view.setUint32(offsets.payloadBytes, header.payloadBytes, true);
  view.setUint32(offsets.count, header.count, true);
  writeSafeInteger(view, offsets.firstTxId, header.firstTxId);
  const covered = target.subarray(offsets.payloadBytes, frameHeaderBytes);
  view.setUint32(offsets.checksum, crc32(records, crc32(covered, seed)), true);
}

/** Reads a frame header at the start of `bytes`; undefined when there is none or its fields cannot be true. */
export function readFrameHeader(bytes: Uint8Array): FrameHeader | undefined {
  if (bytes.length < frameHeaderBytes) {
    return undefined;
  }
  const view = viewOf(bytes);
  const payloadBytes = view.getUint32(offsets.payloadBytes, true);
  const count = view.getUint32(offsets.count, true);
  const firstTxId = readSafeInteger(view, offsets.firstTxId);
  const plausible =
    view.getUint32(offsets.marker, true) === marker &&
    count > 0 &&
    payloadBytes >= count * recordOverheadBytes &&
    payloadBytes <= maxPayloadBytes &&
    Number.isSafeInteger(firstTxId + count);
  return plausible ? { payloadBytes, count, firstTxId } : undefined;
}

/** Whether the bytes of a whole frame, header included, match its checksum. */
export function isFrameIntact(frame: Uint8Array, seed: number): boolean {
  const stored = viewOf(frame).getUint32(offsets.checksum, true);
  return crc32(frame.subarray(offsets.payloadBytes), seed) === stored;
}
