import { QuorateError } from '../errors/interface.ts';
import type { FileHandle, FileSystem } from '../runtime/interface.ts';
import type { FileWork, Hasher } from './file-work.ts';

/**
 * Bytes after which what was received is brought to disk while more is received: the disk then has little left to do at
 * the end, and whoever else waits for it never waits for a whole snapshot.
 */
const syncBytes = 256 * 1024 * 1024;

/** A file that grows by what is received, and is written to disk and hashed meanwhile. */
export class ReceivedFile {
  readonly #handle: FileHandle;
  readonly #hasher: Hasher;
  #sizeBytes: number;
  #syncedBytes: number;
  #isSyncing = false;
  /** The reads and writes that are on their way end before the file is closed. */
  #running: Promise<unknown> = Promise.resolve();

  /** Goes on with a file that has `sizeBytes`. @throws QuorateError IO_ERROR */
  constructor(files: FileSystem, filePath: string, sizeBytes: number, fileWork: FileWork) {
    this.#handle = files.openSync(filePath, 'readwrite');
    this.#sizeBytes = sizeBytes;
    this.#syncedBytes = sizeBytes;
    this.#hasher = fileWork.hasher(this.#handle);
    this.#hasher.advance(sizeBytes);
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** One at a time. @throws QuorateError DISK_FULL, IO_ERROR */
  async append(content: Uint8Array): Promise<void> {
    await this.#track(this.#handle.write(content, this.#sizeBytes));
    this.#sizeBytes += content.length;
    this.#hasher.advance(this.#sizeBytes);
    this.#syncEarly();
  }

  /** What fails here fails again in `complete`. */
  #syncEarly(): void {
    if (!this.#isSyncing && this.#sizeBytes - this.#syncedBytes >= syncBytes) {
      this.#isSyncing = true;
      this.#syncedBytes = this.#sizeBytes;
      const end = () => {
        this.#isSyncing = false;
      };
      this.#track(this.#handle.sync()).then(end, end);
    }
  }

  /**
   * Returns when the file is on disk, and is what was sent.
   * @param check something that takes its time and can be done meanwhile, once the content is the right one
   * @throws QuorateError PROTOCOL_ERROR when something was lost or changed on the way; IO_ERROR, DISK_FULL
   */
  async complete(sha256: Uint8Array, check: () => Promise<void>): Promise<void> {
    const synced = this.#track(this.#handle.sync());
    const found = await this.#hasher.digest(this.#sizeBytes);
    if (Buffer.compare(found, sha256) !== 0) {
      throw new QuorateError('PROTOCOL_ERROR', 'the snapshot that was received is not the one that was sent', {
        hint: 'It is copied again. If that repeats itself, check the disk and the memory of both machines.',
      });
    }
    await Promise.all([synced, check()]);
  }

  #track<T>(operation: Promise<T>): Promise<T> {
    this.#running = Promise.allSettled([this.#running, operation]);
    return operation;
  }

  async close(): Promise<void> {
    await this.#running;
    await this.#hasher[Symbol.asyncDispose]();
    this.#handle.closeSync();
  }
}
