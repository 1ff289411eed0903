import path from 'node:path';
import { crc32 } from 'node:zlib';
import { QuorateError } from '../errors/interface.ts';
import type { FileHandle, FileSystem } from '../runtime/interface.ts';
import { viewOf } from './record.ts';
import { readSafeInteger, writeSafeInteger } from './safe-integer.ts';
import type { LogPosition, TxId } from './types.ts';

/** Not text, and damaged by transfers that change line ends; after the signature of PNG. */
const magic = Buffer.from([0x89, 0x51, 0x4c, 0x4f, 0x47, 0x0d, 0x0a, 0x1a]);

const formatVersion = 1;

/** Bytes in front of the first frame: one page, so that header and frames never share a sector. */
export const segmentHeaderBytes = 4096;

const offsets = {
  magic: 0,
  formatVersion: 8,
  headerBytes: 12,
  databaseId: 16,
  firstTxId: 32,
  previousTerm: 40,
  previousHash: 48,
  checksum: 80,
  end: 84,
} as const;

export interface SegmentHeader {
  /** 16 bytes. */
  readonly databaseId: Uint8Array;
  /** Where the log stood when the segment was begun; its first record is `previous.txId + 1`. */
  readonly previous: LogPosition;
  /** CRC-32 of the fields above; also the seed of the checksums of all frames of the segment. */
  readonly checksum: number;
}

/** A segment file that a directory lists. */
export interface SegmentEntry {
  readonly path: string;
  readonly firstTxId: TxId;
}

export function encodeSegmentHeader(databaseId: Uint8Array, previous: LogPosition): Buffer {
  const bytes = Buffer.alloc(segmentHeaderBytes);
  const view = viewOf(bytes);
  bytes.set(magic, offsets.magic);
  view.setUint32(offsets.formatVersion, formatVersion, true);
  view.setUint32(offsets.headerBytes, segmentHeaderBytes, true);
  bytes.set(databaseId, offsets.databaseId);
  writeSafeInteger(view, offsets.firstTxId, previous.txId + 1);
  writeSafeInteger(view, offsets.previousTerm, previous.term);
  bytes.set(previous.hash, offsets.previousHash);
  view.setUint32(offsets.checksum, crc32(bytes.subarray(0, offsets.checksum)), true);
  return bytes;
}

/**
 * Reads and checks the header of the segment file `entry`.
 * @throws QuorateError LOG_CORRUPT, FORMAT_VERSION
 */
export function decodeSegmentHeader(bytes: Uint8Array, entry: SegmentEntry): SegmentHeader {
  const view = viewOf(bytes);
  if (bytes.length < offsets.end || !magic.equals(bytes.subarray(0, magic.length))) {
    throw corruptLog(entry.path, 0, entry.firstTxId, 'the file does not begin like a log segment');
  }
  const checksum = view.getUint32(offsets.checksum, true);
  const firstTxId = readSafeInteger(view, offsets.firstTxId);
  if (crc32(bytes.subarray(0, offsets.checksum)) !== checksum) {
    throw corruptLog(entry.path, 0, entry.firstTxId, 'the checksum of the segment header does not match');
  }
  checkFormatVersion(view, entry);
  if (firstTxId !== entry.firstTxId) {
    throw corruptLog(entry.path, 0, entry.firstTxId, `the header is that of the segment of txId ${firstTxId}`);
  }
  return {
    databaseId: bytes.slice(offsets.databaseId, offsets.firstTxId),
    previous: {
      txId: firstTxId - 1,
      term: readSafeInteger(view, offsets.previousTerm),
      hash: bytes.slice(offsets.previousHash, offsets.checksum),
    },
    checksum,
  };
}

function checkFormatVersion(view: DataView, entry: SegmentEntry): void {
  const version = view.getUint32(offsets.formatVersion, true);
  if (version !== formatVersion || view.getUint32(offsets.headerBytes, true) !== segmentHeaderBytes) {
    throw new QuorateError('FORMAT_VERSION', `log segment ${entry.path} has format ${version}, not ${formatVersion}`, {
      hint: 'Open it with the version of Quorate that wrote it, or a newer one.',
      details: { path: entry.path, formatVersion: version },
    });
  }
}

export function readSegmentHeader(handle: FileHandle, entry: SegmentEntry): SegmentHeader {
  const bytes = Buffer.alloc(segmentHeaderBytes);
  return decodeSegmentHeader(bytes.subarray(0, handle.readSync(bytes, 0)), entry);
}

/** The path of the segment that begins with `firstTxId`. Twenty digits: names sort like numbers. */
export function segmentPath(directory: string, firstTxId: TxId): string {
  return path.join(directory, `${String(firstTxId).padStart(20, '0')}.qlog`);
}

/** The segment files of a log, oldest first. */
export function listSegments(files: FileSystem, directory: string): SegmentEntry[] {
  return files
    .listSync(directory)
    .filter((name) => /^\d{20}\.qlog$/.test(name))
    .map((name) => ({ path: path.join(directory, name), firstTxId: Number(name.slice(0, 20)) }))
    .sort((a, b) => a.firstTxId - b.firstTxId);
}

/** The error for damage that must not be cut away silently. */
export function corruptLog(filePath: string, offset: number, txId: TxId, what: string): QuorateError {
  return new QuorateError(
    'LOG_CORRUPT',
    `transaction log damaged in ${filePath} at byte ${offset} (transaction ${txId}): ${what}`,
    {
      hint:
        'Nothing was changed. Move the directory of this database aside and fetch the database again from another node, ' +
        'or restore a backup; keep the damaged files until that has worked.',
      details: { path: filePath, offset, txId },
    },
  );
}
