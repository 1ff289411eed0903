import path from 'node:path';
import type { FileHandle, FileSystem } from '../runtime/interface.ts';
import { decodeSegmentHeader, encodeSegmentHeader, segmentPath } from './segment-header.ts';
import type { OpenSegment } from './segment-writer.ts';
import type { LogPosition } from './types.ts';
import { writeZeros } from './zero-fill.ts';

/**
 * The file that becomes the next segment. It is filled with zeros ahead of time and in steps, because an overwrite in
 * allocated room needs no change of metadata when it is fsynced, and because zeroing 16 MiB at once would stall a commit.
 */
export class NextSegment {
  readonly #files: FileSystem;
  readonly #directory: string;
  /** Where the unfinished file is. */
  readonly path: string;
  #handle: FileHandle | undefined;
  #filledBytes = 0;

  constructor(files: FileSystem, directory: string) {
    this.#files = files;
    this.#directory = directory;
    this.path = path.join(directory, 'next.tmp');
  }

  get filledBytes(): number {
    return this.#filledBytes;
  }

  /** Adds up to `maxBytes` durable zeros towards `sizeBytes`. @throws QuorateError DISK_FULL, IO_ERROR: the file is gone */
  prepare(sizeBytes: number, maxBytes: number): void {
    this.#orDiscard(() => {
      const handle = this.#fill(Math.min(sizeBytes, this.#filledBytes + maxBytes));
      handle.syncSync();
    });
  }

  /**
   * Makes the file a durable segment of at least `sizeBytes` that follows on `previous`. It becomes part of the log when
   * the caller renames it from `path` to its own name. @throws QuorateError DISK_FULL, IO_ERROR: the file is gone
   */
  finish(databaseId: Uint8Array, previous: LogPosition, sizeBytes: number): OpenSegment {
    return this.#orDiscard(() => {
      const handle = this.#fill(sizeBytes);
      const bytes = encodeSegmentHeader(databaseId, previous);
      handle.writeSync(bytes, 0);
      handle.syncSync();
      const firstTxId = previous.txId + 1;
      const entry = { path: segmentPath(this.#directory, firstTxId), firstTxId };
      const segment = { handle, entry, header: decodeSegmentHeader(bytes, entry), sizeBytes: this.#filledBytes };
      this.#forget();
      return segment;
    });
  }

  /** Closes and removes the unfinished file. */
  discard(): void {
    if (this.#handle !== undefined) {
      this.#handle.closeSync();
      this.#forget();
      this.#files.removeSync(this.path);
    }
  }

  #fill(sizeBytes: number): FileHandle {
    if (this.#handle === undefined) {
      this.#files.removeSync(this.path);
      this.#handle = this.#files.openSync(this.path, 'create');
    }
    writeZeros(this.#handle, this.#filledBytes, sizeBytes);
    this.#filledBytes = Math.max(this.#filledBytes, sizeBytes);
    return this.#handle;
  }

  #orDiscard<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      try {
        this.discard();
      } catch {
        // The first error tells more, and the file is removed before it would be used again.
      }
      throw error;
    }
  }

  #forget(): void {
    this.#handle = undefined;
    this.#filledBytes = 0;
  }
}
