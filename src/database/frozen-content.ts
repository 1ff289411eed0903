import path from 'node:path';
import { QuorateError } from '../errors/interface.ts';
import type { FileHandle, Runtime, Timer } from '../runtime/interface.ts';
import type { AppliedPosition } from '../sqlite/interface.ts';
import { requireFreeBytes } from './disk-floor.ts';
import type { FileWork } from './file-work.ts';
import { HashedFile, type SnapshotContent, snapshotGone } from './snapshot-content.ts';
import type { WriterClient } from './writer-client.ts';

/** How often the size of the WAL is looked at, in milliseconds. */
const walIntervalMs = 500;

/** Bytes copied at once when the content has to leave the database file. */
const copyBytes = 1024 * 1024;

export interface FrozenContentOptions {
  readonly runtime: Runtime;
  readonly fileWork: FileWork;
  readonly client: WriterClient;
  /** The SQLite file, and an open handle of it that outlives this and everything of SQLite in this process. */
  readonly databasePath: string;
  readonly handle: FileHandle;
  /** Where the content goes when the WAL gets too large. */
  readonly copyPath: string;
  readonly limits: { readonly snapshotWalBytes: number; readonly minFreeBytes: number };
  /** The content could not be kept. */
  readonly onLost: () => void;
}

/**
 * The database file itself, which SQLite leaves as it is as long as this is not disposed of. The WAL grows meanwhile; when it
 * has become too large, the content is copied to a file of its own and the database goes on as always.
 */
export class FrozenContent implements SnapshotContent {
  readonly position: AppliedPosition;
  readonly sizeBytes: number;
  readonly #options: FrozenContentOptions;
  #file: HashedFile;
  #copy: FileHandle | undefined;
  #isFrozen = true;
  #isGone = false;
  #timer: Timer | undefined;
  #leaving: Promise<void> | undefined;

  /** Undefined when the file cannot be frozen now. @throws QuorateError IO_ERROR, CANCELLED */
  static async make(options: FrozenContentOptions): Promise<FrozenContent | undefined> {
    const position = await options.client.request<AppliedPosition | null>((id) => ['freeze', id]);
    return position === null ? undefined : new FrozenContent(options, position);
  }

  private constructor(options: FrozenContentOptions, position: AppliedPosition) {
    this.#options = options;
    this.position = position;
    this.sizeBytes = options.handle.sizeSync();
    this.#file = new HashedFile(options.handle, this.sizeBytes, options.fileWork);
    this.#watch();
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    if (this.#isGone) {
      throw snapshotGone();
    }
    return await this.#file.read(target, offset);
  }

  sha256(): Promise<Uint8Array> {
    return this.#isGone ? Promise.reject(snapshotGone()) : this.#file.sha256();
  }

  #watch(): void {
    const { runtime, databasePath, limits } = this.#options;
    this.#timer = runtime.timers.after(walIntervalMs, () => {
      if (runtime.files.fileSizeSync(`${databasePath}-wal`) < limits.snapshotWalBytes) {
        this.#watch();
      } else {
        this.#leaving = this.#leave();
      }
    });
  }

  /** What cannot be copied is lost: the database must not suffer from it any longer. */
  async #leave(): Promise<void> {
    const { runtime, copyPath, limits, databasePath, onLost } = this.#options;
    const { logger, files } = runtime;
    logger.info({ file: databasePath, limitBytes: limits.snapshotWalBytes }, 'the WAL is long: the snapshot is copied');
    try {
      requireFreeBytes(files, path.dirname(copyPath), this.sizeBytes, limits.minFreeBytes);
      const copy = files.openSync(copyPath, 'create');
      this.#copy = copy;
      await this.#copyTo(copy);
      const before = this.#file;
      this.#file = new HashedFile(copy, this.sizeBytes, this.#options.fileWork);
      await before.settle();
      await this.#thaw();
    } catch (error) {
      logger.warn({ file: databasePath, error: String(error) }, 'a snapshot is given up');
      onLost();
    }
  }

  async #copyTo(copy: FileHandle): Promise<void> {
    const buffer = Buffer.allocUnsafeSlow(copyBytes);
    for (let offset = 0; offset < this.sizeBytes; ) {
      if (this.#isGone) {
        throw snapshotGone();
      }
      const count = await this.#options.handle.read(buffer.subarray(0, this.sizeBytes - offset), offset);
      if (count === 0) {
        throw new QuorateError('IO_ERROR', 'the database file is shorter than it was');
      }
      await copy.write(buffer.subarray(0, count), offset);
      offset += count;
    }
  }

  /** The long WAL is moved into the file by another thread, before commits begin to do it again. */
  async #thaw(): Promise<void> {
    if (this.#isFrozen) {
      this.#isFrozen = false;
      const { client, databasePath, runtime, fileWork } = this.#options;
      try {
        await client.request((id) => ['thaw', id]);
        await fileWork.run({ task: 'checkpoint', file: databasePath });
        await client.request((id) => ['checkpoint-again', id]);
      } catch (error) {
        // A writer that has stopped has let go of the file by itself, and its next life begins with checkpoints.
        runtime.logger.warn({ file: databasePath, error: String(error) }, 'the WAL of a database may stay long');
      }
    }
  }

  /** Whoever waits for this to end also waits for the WAL to be moved into the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { runtime, copyPath } = this.#options;
    this.#isGone = true;
    this.#timer?.cancel();
    await this.#leaving;
    await this.#file.settle();
    this.#copy?.closeSync();
    runtime.files.removeSync(copyPath);
    await this.#thaw();
  }
}
