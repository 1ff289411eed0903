import type { FileSystem } from '../runtime/interface.ts';
import { frameHeaderBytes } from './frame.ts';
import { decodeRecord, recordSizeAt, recordTxIdAt, viewOf } from './record.ts';
import { corruptLog, type SegmentEntry, segmentHeaderBytes } from './segment-header.ts';
import { SegmentScanner } from './segment-scanner.ts';
import type { LogRecord, TxId } from './types.ts';

/**
 * Yields the records `fromTxId … throughTxId`, which `segments` are known to hold. A file is open only while its
 * records are taken. @throws QuorateError LOG_CORRUPT, IO_ERROR
 */
export function* readRecords(
  files: FileSystem,
  segments: readonly SegmentEntry[],
  fromTxId: TxId,
  throughTxId: TxId,
): Generator<LogRecord, void, undefined> {
  for (const [index, segment] of segments.entries()) {
    const lastTxId = Math.min(throughTxId, (segments[index + 1]?.firstTxId ?? Number.POSITIVE_INFINITY) - 1);
    const start = Math.max(fromTxId, segment.firstTxId);
    if (start <= lastTxId) {
      yield* readSegmentRecords(files, segment, start, lastTxId);
    }
  }
}

function* readSegmentRecords(
  files: FileSystem,
  segment: SegmentEntry,
  fromTxId: TxId,
  throughTxId: TxId,
): Generator<LogRecord, void, undefined> {
  const handle = files.openSync(segment.path, 'read');
  try {
    const scanner = new SegmentScanner(handle, segment);
    let txId = fromTxId;
    let offset = scanner.offsetOf(txId);
    while (txId <= throughTxId) {
      const frame = scanner.frameAt(offset);
      if (frame === undefined) {
        throw corruptLog(
          segment.path,
          offset,
          txId,
          'the frame was intact when the log was opened, and is not any more',
        );
      }
      for (const record of decodeRecords(Buffer.from(frame.records))) {
        if (record.txId >= txId && record.txId <= throughTxId) {
          yield record;
        }
      }
      txId = frame.firstTxId + frame.count;
      offset = frame.endOffset;
    }
  } finally {
    handle.closeSync();
  }
}

/** Bytes of the records of a segment up to `txId`, which it is known to hold; 0 for the transaction before its first. */
export function recordBytesUpTo(files: FileSystem, segment: SegmentEntry, txId: TxId): number {
  const handle = files.openSync(segment.path, 'read');
  try {
    const scanner = new SegmentScanner(handle, segment);
    let sum = 0;
    let offset = segmentHeaderBytes;
    let header = scanner.frameHeaderAt(offset);
    while (header !== undefined && header.firstTxId + header.count - 1 <= txId) {
      sum += header.payloadBytes;
      offset += frameHeaderBytes + header.payloadBytes;
      header = scanner.frameHeaderAt(offset);
    }
    return sum + bytesInFrame(scanner.frameAt(offset)?.records, txId);
  } finally {
    handle.closeSync();
  }
}

/** Bytes of the first records of a frame, up to `txId`, which is not the last of them. */
function bytesInFrame(records: Uint8Array | undefined, txId: TxId): number {
  let offset = 0;
  if (records !== undefined) {
    const view = viewOf(records);
    while (recordTxIdAt(view, offset) <= txId) {
      offset += recordSizeAt(view, offset);
    }
  }
  return offset;
}

/** The records of one frame. */
export function* decodeRecords(bytes: Uint8Array): Generator<LogRecord, void, undefined> {
  for (let offset = 0; offset < bytes.length; ) {
    const record = decodeRecord(bytes, offset);
    yield record;
    offset += record.sizeBytes;
  }
}
