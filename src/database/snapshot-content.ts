import { QuorateError } from '../errors/interface.ts';
import type { FileHandle, Runtime } from '../runtime/interface.ts';
import type { AppliedPosition } from '../sqlite/interface.ts';
import type { FileWork, Hasher } from './file-work.ts';

/** Where the bytes of a snapshot are. */
export interface SnapshotContent extends AsyncDisposable {
  readonly sizeBytes: number;
  readonly position: AppliedPosition;
  /** Whether it costs the database something as long as it is there. */
  readonly isFrozen: boolean;
  /** Reads at `offset`; returns how many bytes, 0 at the end. */
  read(target: Uint8Array, offset: number): Promise<number>;
  /** Of the whole. */
  sha256(): Promise<Uint8Array>;
}

/** A file, with the hash of what has been read of it so far. */
export class HashedFile {
  readonly #handle: FileHandle;
  readonly #hasher: Hasher;
  readonly sizeBytes: number;
  readonly #reads = new Set<Promise<number>>();

  constructor(handle: FileHandle, sizeBytes: number, fileWork: FileWork) {
    this.#handle = handle;
    this.sizeBytes = sizeBytes;
    this.#hasher = fileWork.hasher(handle);
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    const reading = this.#handle.read(target, offset);
    this.#reads.add(reading);
    try {
      const count = await reading;
      this.#hasher.advance(offset + count);
      return count;
    } finally {
      this.#reads.delete(reading);
    }
  }

  sha256(): Promise<Uint8Array> {
    return this.#hasher.digest(this.sizeBytes);
  }

  /** Resolves when nothing is read any more; the file stays open. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#reads);
    await this.#hasher[Symbol.asyncDispose]();
  }
}

export interface CopyOptions {
  readonly runtime: Runtime;
  readonly fileWork: FileWork;
  readonly databasePath: string;
  readonly copyPath: string;
}

/** A copy of the database in a file of its own, removed when it is disposed of. */
export class CopiedContent implements SnapshotContent {
  readonly isFrozen = false;
  readonly position: AppliedPosition;
  readonly #runtime: Runtime;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #file: HashedFile;

  /** @throws QuorateError IO_ERROR, DISK_FULL, DATABASE_CORRUPT; nothing is left of the copy then */
  static async make(options: CopyOptions): Promise<CopiedContent> {
    const { runtime, fileWork, databasePath: file, copyPath: target } = options;
    try {
      return new CopiedContent(options, await fileWork.run<AppliedPosition>({ task: 'snapshot', file, target }));
    } catch (error) {
      try {
        runtime.files.removeSync(target);
      } catch (failure) {
        // The folder is emptied at the next start.
        runtime.logger.warn({ file: target, error: String(failure) }, 'cannot remove a snapshot');
      }
      throw error;
    }
  }

  private constructor({ runtime, fileWork, copyPath }: CopyOptions, position: AppliedPosition) {
    this.#runtime = runtime;
    this.#path = copyPath;
    this.position = position;
    this.#handle = runtime.files.openSync(copyPath, 'read');
    this.#file = new HashedFile(this.#handle, this.#handle.sizeSync(), fileWork);
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes;
  }

  read(target: Uint8Array, offset: number): Promise<number> {
    return this.#file.read(target, offset);
  }

  sha256(): Promise<Uint8Array> {
    return this.#file.sha256();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#runtime.files.removeSync(this.#path);
    await this.#file.settle();
    this.#handle.closeSync();
  }
}

/** Refuses what is read from a snapshot that is gone. */
export function snapshotGone(): QuorateError {
  return new QuorateError('UNAVAILABLE', 'this snapshot is gone', {
    hint: 'The replica copies another one by itself.',
  });
}
