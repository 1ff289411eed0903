import type { FileSystem } from '../runtime/interface.ts';
import { decodeRecord } from './record.ts';
import { corruptLog, type SegmentEntry } from './segment-header.ts';
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

/** The records of one frame. */
export function* decodeRecords(bytes: Uint8Array): Generator<LogRecord, void, undefined> {
  for (let offset = 0; offset < bytes.length; ) {
    const record = decodeRecord(bytes, offset);
    yield record;
    offset += record.sizeBytes;
  }
}
