import path from 'node:path';
import type { FileSystem } from '../runtime/interface.ts';
import { NextSegment } from './next-segment.ts';
import { segmentHeaderBytes } from './segment-header.ts';
import type { LogPosition } from './types.ts';

interface FirstSegment {
  /** 16 bytes. */
  readonly databaseId: Uint8Array;
  /** The position that the log continues. */
  readonly previous: LogPosition;
  readonly sizeBytes: number;
}

/** Makes a log durably: its directory and one segment without frames. @throws QuorateError DISK_FULL, IO_ERROR */
export function writeFirstSegment(files: FileSystem, directory: string, first: FirstSegment): void {
  makeDirectoryDurably(files, directory);
  const next = new NextSegment(files, directory);
  const segment = next.finish(first.databaseId, first.previous, Math.max(first.sizeBytes, segmentHeaderBytes));
  segment.handle.closeSync();
  files.renameSync(next.path, segment.entry.path);
  files.syncDirectorySync(directory);
}

/** Creates the directory and its parents, each of them durable in the one above. */
function makeDirectoryDurably(files: FileSystem, directory: string): void {
  if (!files.existsSync(directory)) {
    const parent = path.dirname(directory);
    makeDirectoryDurably(files, parent);
    files.makeDirectorySync(directory);
    files.syncDirectorySync(parent);
  }
}
