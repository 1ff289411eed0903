import path from 'node:path';
import { QuorateError } from '../errors/interface.ts';
import type { FileHandle, FileSystem } from '../runtime/interface.ts';
import { genesisHash } from './record.ts';
import { followChain } from './record-chain.ts';
import { corruptLog, listSegments, type SegmentEntry, segmentHeaderBytes } from './segment-header.ts';
import { type Frame, SegmentScanner } from './segment-scanner.ts';
import { SegmentWriter } from './segment-writer.ts';
import type { LogPosition, RecoveryReport, TxId } from './types.ts';
import { writeZeros } from './zero-fill.ts';

/** Bytes read and written at once. */
const rewriteChunkBytes = 1024 * 1024;

/** A segment file with its size on disk. */
export interface SizedSegment extends SegmentEntry {
  readonly sizeBytes: number;
  /** Bytes of the records in the segments before it, as far back as the log went when it was opened. */
  readonly bytesBefore: number;
}

export interface RecoveredLog {
  /** Oldest first; never empty. */
  readonly segments: SizedSegment[];
  /** Writes on in the last segment. */
  readonly writer: SegmentWriter;
  readonly tip: LogPosition;
  /** Bytes of all records. */
  readonly recordBytes: number;
  readonly report: RecoveryReport;
}

/** Where reading stands: in the log as a whole, and in the current file. */
interface Progress {
  readonly position: LogPosition;
  readonly offset: number;
  /** Where the last frame begins; `offset` when there is none. */
  readonly frameOffset: number;
  /** Bytes of the records read in this file. */
  readonly recordBytes: number;
}

/** The end of the segment before, which the next one must follow on. */
interface Predecessor {
  readonly position: LogPosition;
  readonly databaseId: Uint8Array;
}

/**
 * Reads a whole log: verifies every frame and the hash chain, cuts a torn tail, and makes durable what is left.
 *
 * A frame is fsynced before the next one is written, and a segment before the next one is begun. So a bad frame is the
 * torn tail of a crash if it is the last thing in the log, and damage if anything intact follows.
 * @throws QuorateError LOG_CORRUPT, FORMAT_VERSION, DISK_FULL, IO_ERROR
 */
export function recoverLog(files: FileSystem, directory: string): RecoveredLog {
  removeUnfinishedFiles(files, directory);
  const entries = listSegments(files, directory);
  const last = entries.pop();
  if (last === undefined) {
    throw new QuorateError('LOG_CORRUPT', `there is no transaction log in ${directory}`, {
      hint: 'Check the data directory; if the files are lost, fetch the database again or restore a backup.',
    });
  }
  const segments: SizedSegment[] = [];
  let before: Predecessor | undefined;
  let bytesBefore = 0;
  for (const [index, entry] of entries.entries()) {
    const nextTxId = (entries[index + 1] ?? last).firstTxId;
    const complete = readCompleteSegment(files, entry, nextTxId - 1, before);
    before = complete.end;
    segments.push({ ...entry, sizeBytes: complete.sizeBytes, bytesBefore });
    bytesBefore += complete.recordBytes;
  }
  const tail = recoverLastSegment(files, last, before);
  segments.push({ ...last, sizeBytes: tail.writer.sizeBytes, bytesBefore });
  const records = tail.tip.txId - (segments[0] ?? last).firstTxId + 1;
  const recordBytes = bytesBefore + tail.recordBytes;
  return { segments, writer: tail.writer, tip: tail.tip, recordBytes, report: { cutBytes: tail.cutBytes, records } };
}

/** Whatever ends in `.tmp` had not become part of the log when the process ended. */
function removeUnfinishedFiles(files: FileSystem, directory: string): void {
  for (const name of files.listSync(directory)) {
    if (name.endsWith('.tmp')) {
      files.removeSync(path.join(directory, name));
    }
  }
}

/** Opens a segment and checks that it follows on the one before. */
function openScanner(handle: FileHandle, entry: SegmentEntry, before: Predecessor | undefined): SegmentScanner {
  const scanner = new SegmentScanner(handle, entry);
  const { databaseId, previous } = scanner.header;
  if (before !== undefined && Buffer.compare(before.databaseId, databaseId) !== 0) {
    throw corruptLog(entry.path, 0, entry.firstTxId, 'the segment belongs to another database');
  }
  const expected = before?.position ?? expectedStart(databaseId, previous);
  const follows = expected.txId === previous.txId && expected.term === previous.term;
  if (!follows || Buffer.compare(expected.hash, previous.hash) !== 0) {
    throw corruptLog(entry.path, 0, entry.firstTxId, 'the segment does not follow on the one before it');
  }
  return scanner;
}

/** A log that begins with its first transaction begins with the genesis hash; otherwise its header must be believed. */
function expectedStart(databaseId: Uint8Array, previous: LogPosition): LogPosition {
  return previous.txId === 0 ? { txId: 0, term: 0, hash: genesisHash(databaseId) } : previous;
}

/** Reads a segment that has a successor: all its transactions up to `lastTxId` were durable before that one was begun. */
function readCompleteSegment(
  files: FileSystem,
  entry: SegmentEntry,
  lastTxId: TxId,
  before: Predecessor | undefined,
): { readonly end: Predecessor; readonly sizeBytes: number; readonly recordBytes: number } {
  const handle = files.openSync(entry.path, 'read');
  try {
    const scanner = openScanner(handle, entry, before);
    const { position, offset, recordBytes } = readFrames(scanner, lastTxId);
    if (position.txId !== lastTxId) {
      const what = `a frame is damaged or missing; later segments begin with transaction ${lastTxId + 1}`;
      throw corruptLog(entry.path, offset, position.txId + 1, what);
    }
    return { end: { position, databaseId: scanner.header.databaseId }, sizeBytes: scanner.sizeBytes, recordBytes };
  } finally {
    handle.closeSync();
  }
}

/** Reads frames until `lastTxId` or the first place without an intact frame. */
function readFrames(scanner: SegmentScanner, lastTxId: TxId): Progress {
  let progress: Progress = {
    position: scanner.header.previous,
    offset: segmentHeaderBytes,
    frameOffset: segmentHeaderBytes,
    recordBytes: 0,
  };
  while (progress.position.txId < lastTxId) {
    const frame = scanner.frameAt(progress.offset);
    if (frame === undefined) {
      break;
    }
    progress = {
      position: followFrame(scanner, frame, progress.position),
      offset: frame.endOffset,
      frameOffset: frame.offset,
      recordBytes: progress.recordBytes + frame.payloadBytes,
    };
  }
  return progress;
}

/** A frame with a matching checksum was written like this: if its content is wrong it must not be cut, but refused. */
function followFrame(scanner: SegmentScanner, frame: Frame, position: LogPosition): LogPosition {
  const result = followChain(frame.records, position);
  const { path: filePath } = scanner.entry;
  if (result.kind === 'broken-chain') {
    throw corruptLog(filePath, frame.offset, result.txId, 'its hash does not follow from the transaction before it');
  }
  if (result.kind === 'malformed') {
    throw corruptLog(filePath, frame.offset, position.txId + 1, `a record is refused: ${result.reason}`);
  }
  if (frame.firstTxId !== position.txId + 1 || result.end.txId !== position.txId + frame.count) {
    throw corruptLog(filePath, frame.offset, position.txId + 1, 'the frame header does not describe its records');
  }
  return result.end;
}

function recoverLastSegment(
  files: FileSystem,
  entry: SegmentEntry,
  before: Predecessor | undefined,
): {
  readonly writer: SegmentWriter;
  readonly tip: LogPosition;
  readonly recordBytes: number;
  readonly cutBytes: number;
} {
  const handle = files.openSync(entry.path, 'readwrite');
  try {
    const scanner = openScanner(handle, entry, before);
    const read = readFrames(scanner, Number.MAX_SAFE_INTEGER);
    const { position: tip, offset: tail, frameOffset, recordBytes } = read;
    const cutBytes = cutTornTail(handle, scanner, tail, tip.txId);
    rewrite(handle, frameOffset, tail);
    // After kill -9 the page cache may hold frames that the dead process had not fsynced.
    handle.syncSync();
    files.syncDirectorySync(path.dirname(entry.path));
    const segment = { handle, entry, header: scanner.header, sizeBytes: scanner.sizeBytes };
    return { writer: new SegmentWriter(segment, tail), tip, recordBytes, cutBytes };
  } catch (error) {
    handle.closeSync();
    throw error;
  }
}

/** Zeroes an unfinished frame behind `tail` and returns how many bytes that were. @throws QuorateError LOG_CORRUPT */
function cutTornTail(handle: FileHandle, scanner: SegmentScanner, tail: number, lastTxId: TxId): number {
  const end = scanner.endOfContent(tail);
  if (end === tail) {
    return 0;
  }
  const intact = scanner.findFrame(tail, lastTxId);
  if (intact !== undefined) {
    const what = `the frame is damaged, and an intact one follows at byte ${intact}`;
    throw corruptLog(scanner.entry.path, tail, lastTxId + 1, what);
  }
  writeZeros(handle, tail, end);
  return end - tail;
}

/**
 * Writes the last frame again as it is. If its fsync had failed, the kernel may show the frame and yet take its pages for
 * written; only writing them again makes the next fsync mean something.
 */
function rewrite(handle: FileHandle, start: number, end: number): void {
  const buffer = Buffer.allocUnsafe(Math.min(rewriteChunkBytes, end - start));
  for (let offset = start; offset < end; offset += buffer.length) {
    const chunk = buffer.subarray(0, Math.min(buffer.length, end - offset));
    handle.readSync(chunk, offset);
    handle.writeSync(chunk, offset);
  }
}
