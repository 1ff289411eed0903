import path from 'node:path';
import type { FileHandle, FileSystem } from '../runtime/interface.ts';
import { checksumSeed, frameHeaderBytes, writeFrameHeader } from './frame.ts';
import { recordSizeAt, recordTxIdAt, viewOf } from './record.ts';
import { corruptLog, type SegmentEntry } from './segment-header.ts';
import { SegmentScanner } from './segment-scanner.ts';
import type { OpenSegment } from './segment-writer.ts';
import type { TxId } from './types.ts';
import { writeZeros } from './zero-fill.ts';

const copyChunkBytes = 1024 * 1024;

export interface ShortenedSegment {
  /** The new file, still under its temporary name. */
  readonly segment: OpenSegment;
  /** Where its frames end. */
  readonly tail: number;
}

function temporaryPath(directory: string): string {
  return path.join(directory, 'truncated.tmp');
}

/**
 * Writes a copy of a segment without the transactions above `lastTxId`, durable but under a temporary name. Frames keep
 * their places, so whole ones are copied as they are; the one that is divided gets a new header.
 * @throws QuorateError DISK_FULL, IO_ERROR: nothing has changed
 */
export function writeShortenedSegment(
  files: FileSystem,
  directory: string,
  source: SegmentEntry,
  lastTxId: TxId,
): ShortenedSegment {
  const targetPath = temporaryPath(directory);
  const sourceHandle = files.openSync(source.path, 'read');
  files.removeSync(targetPath);
  const handle = files.openSync(targetPath, 'create');
  try {
    const scanner = new SegmentScanner(sourceHandle, source);
    const divided = scanner.offsetOf(lastTxId + 1);
    copyBytes(sourceHandle, handle, divided);
    const tail = copyFrameStart(scanner, handle, divided, lastTxId);
    writeZeros(handle, tail, scanner.sizeBytes);
    handle.syncSync();
    return { segment: { handle, entry: source, header: scanner.header, sizeBytes: scanner.sizeBytes }, tail };
  } catch (error) {
    handle.closeSync();
    files.removeSync(targetPath);
    throw error;
  } finally {
    sourceHandle.closeSync();
  }
}

/**
 * Puts the shortened segment in place. Later segments go first, newest first and each durably, so that a crash leaves
 * no gap in the log, only a tail that is partly cut.
 */
export function replaceSegment(
  files: FileSystem,
  directory: string,
  shortened: SegmentEntry,
  removed: readonly SegmentEntry[],
): void {
  for (const segment of removed.toReversed()) {
    files.removeSync(segment.path);
    files.syncDirectorySync(directory);
  }
  files.renameSync(temporaryPath(directory), shortened.path);
  files.syncDirectorySync(directory);
}

function copyBytes(source: FileHandle, target: FileHandle, end: number): void {
  const buffer = Buffer.allocUnsafe(Math.min(copyChunkBytes, end));
  for (let offset = 0; offset < end; offset += buffer.length) {
    const chunk = buffer.subarray(0, Math.min(buffer.length, end - offset));
    target.writeSync(chunk.subarray(0, source.readSync(chunk, offset)), offset);
  }
}

/** Writes the records up to `lastTxId` of the frame at `offset` as a frame of their own; returns where it ends. */
function copyFrameStart(scanner: SegmentScanner, target: FileHandle, offset: number, lastTxId: TxId): number {
  const frame = scanner.frameAt(offset);
  if (frame === undefined) {
    throw corruptLog(scanner.entry.path, offset, lastTxId + 1, 'the frame to be cut is not intact');
  }
  const count = lastTxId - frame.firstTxId + 1;
  if (count === 0) {
    return offset;
  }
  const records = frame.records.subarray(0, endOfRecord(frame.records, lastTxId));
  const header = Buffer.alloc(frameHeaderBytes);
  const fields = { payloadBytes: records.length, count, firstTxId: frame.firstTxId };
  writeFrameHeader(header, fields, records, checksumSeed(scanner.header.checksum, offset));
  target.writeSync(header, offset);
  target.writeSync(records, offset + frameHeaderBytes);
  return offset + frameHeaderBytes + records.length;
}

function endOfRecord(records: Uint8Array, txId: TxId): number {
  const view = viewOf(records);
  let offset = 0;
  while (recordTxIdAt(view, offset) < txId) {
    offset += recordSizeAt(view, offset);
  }
  return offset + recordSizeAt(view, offset);
}
