import path from 'node:path';
import { QuorateError } from '../errors/interface.ts';
import type { FileHandle, Runtime, Timer } from '../runtime/interface.ts';
import { requireFreeBytes } from './disk-floor.ts';
import { type FileWork, threadedFileWork } from './file-work.ts';
import { FrozenContent } from './frozen-content.ts';
import type { DatabaseLimits } from './limits.ts';
import { CopiedContent, type SnapshotContent } from './snapshot-content.ts';
import type { ReplicationSource, SnapshotHeader, SnapshotLease, SnapshotSource } from './types.ts';
import type { WriterClient } from './writer-client.ts';

export interface SnapshotStoreOptions {
  readonly runtime: Runtime;
  /** See DatabaseContext. */
  readonly fileWork?: FileWork | undefined;
  /** Folder of the copies that are made of one database; emptied at the start. */
  readonly directory: string;
  readonly limits: Pick<
    DatabaseLimits,
    'maxSnapshots' | 'snapshotTtlMs' | 'snapshotCopyBytes' | 'snapshotWalBytes' | 'minFreeBytes'
  >;
  /** The SQLite file. */
  readonly filePath: () => string;
  readonly source: Pick<ReplicationSource, 'databaseBytes' | 'databaseId' | 'firstTxId'>;
  readonly client: () => WriterClient;
}

/** A snapshot that is being made or is there. */
interface Entry {
  readonly snapshotId: string;
  readonly ready: Promise<SnapshotContent>;
  content: SnapshotContent | undefined;
  /** Of a history that this database has left. */
  isOutdated: boolean;
  leases: number;
  expiry: Timer | undefined;
}

/**
 * The snapshots of a database that replicas copy. One is made when a replica asks and none of use is there; replicas that
 * ask meanwhile share it. It stays for a time after a reader that broke off, so that a copy can go on.
 */
export class SnapshotStore implements SnapshotSource {
  readonly #options: SnapshotStoreOptions;
  readonly #fileWork: FileWork;
  /** Oldest first. */
  readonly #entries = new Map<string, Entry>();
  /**
   * Open handles of database files, by path. Closing one would take away the locks that SQLite has on the same file anywhere
   * in this process (https://www.sqlite.org/howtocorrupt.html, 2.2), so they stay open until SQLite has closed it.
   */
  readonly #databaseFiles = new Map<string, FileHandle>();
  /** Snapshots that are being removed. */
  #removals: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: SnapshotStoreOptions) {
    this.#options = options;
    this.#fileWork = options.fileWork ?? threadedFileWork;
    options.runtime.files.removeSync(options.directory);
  }

  /** Snapshots that are there or being made. */
  get size(): number {
    return this.#entries.size;
  }

  async acquire(snapshotId: string): Promise<SnapshotLease> {
    const usable = [...this.#entries.values()].filter((entry) => this.#isUsable(entry));
    const entry = usable.find((candidate) => candidate.snapshotId === snapshotId) ?? usable.at(-1) ?? this.#make();
    entry.leases += 1;
    entry.expiry?.cancel();
    try {
      return this.#lease(entry, await entry.ready);
    } catch (error) {
      this.#release(entry, false);
      throw error;
    }
  }

  /** Removes all snapshots; resolves when nobody reads from them any more. To be called while the writer still runs. */
  async end(): Promise<void> {
    this.#closed = true;
    for (const entry of this.#entries.values()) {
      this.#remove(entry);
    }
    await this.#removals;
    this.#options.runtime.files.removeSync(this.#options.directory);
  }

  /** From now on nobody gets a snapshot of what was there before. */
  discard(): void {
    for (const entry of this.#entries.values()) {
      entry.isOutdated = true;
    }
  }

  /** To be called after `end`, when SQLite has closed the database. */
  closeFiles(): void {
    for (const handle of this.#databaseFiles.values()) {
      handle.closeSync();
    }
    this.#databaseFiles.clear();
  }

  /** The oldest record in the log decides: a snapshot that ends before it leads nowhere. */
  #isUsable({ content, isOutdated }: Entry): boolean {
    return !isOutdated && (content === undefined || content.position.txId + 1 >= this.#options.source.firstTxId());
  }

  #make(): Entry {
    if (this.#closed) {
      throw new QuorateError('CANCELLED', 'the database is being closed');
    }
    this.#makeRoom();
    const snapshotId = Buffer.from(this.#options.runtime.random.bytes(8)).toString('hex');
    const entry: Entry = {
      snapshotId,
      ready: this.#makeContent(snapshotId),
      content: undefined,
      isOutdated: false,
      leases: 0,
      expiry: undefined,
    };
    this.#entries.set(snapshotId, entry);
    entry.ready.then(
      (content) => {
        entry.content = content;
      },
      () => this.#entries.delete(snapshotId),
    );
    return entry;
  }

  /** A small database is copied, which takes no time and costs its writers nothing later. */
  async #makeContent(snapshotId: string): Promise<SnapshotContent> {
    const { runtime, directory, limits, source, filePath } = this.#options;
    if (source.databaseId === undefined) {
      throw new QuorateError('UNAVAILABLE', 'this upstream is itself a replica that has not met its upstream yet');
    }
    runtime.files.makeDirectorySync(directory);
    const copyPath = path.join(directory, `${snapshotId}.sqlite`);
    const isSmall = source.databaseBytes() <= limits.snapshotCopyBytes;
    const frozen = isSmall ? undefined : await this.#freeze(snapshotId, copyPath);
    if (frozen !== undefined) {
      return frozen;
    }
    requireFreeBytes(runtime.files, directory, source.databaseBytes(), limits.minFreeBytes);
    return await CopiedContent.make({ runtime, fileWork: this.#fileWork, databasePath: filePath(), copyPath });
  }

  async #freeze(snapshotId: string, copyPath: string): Promise<SnapshotContent | undefined> {
    // One that was let go of a moment ago may still hold the file.
    await this.#removals;
    const { runtime, limits, client, filePath } = this.#options;
    const databasePath = filePath();
    return await FrozenContent.make({
      ...{ runtime, limits, databasePath, copyPath, fileWork: this.#fileWork },
      client: client(),
      handle: this.#databaseFile(databasePath),
      onLost: () => {
        const entry = this.#entries.get(snapshotId);
        if (entry !== undefined) {
          this.#remove(entry);
        }
      },
    });
  }

  #databaseFile(filePath: string): FileHandle {
    const handle = this.#databaseFiles.get(filePath) ?? this.#options.runtime.files.openSync(filePath, 'read');
    this.#databaseFiles.set(filePath, handle);
    return handle;
  }

  #makeRoom(): void {
    const { maxSnapshots } = this.#options.limits;
    for (const entry of this.#entries.values()) {
      if (this.#entries.size >= maxSnapshots && entry.leases === 0) {
        this.#remove(entry);
      }
    }
    if (this.#entries.size >= maxSnapshots) {
      throw new QuorateError('OVERLOADED', `${maxSnapshots} snapshots of this database are being copied already`, {
        hint: 'The replica tries again by itself; or raise max-snapshots.',
      });
    }
  }

  #lease(entry: Entry, content: SnapshotContent): SnapshotLease {
    let open = true;
    let complete = false;
    return {
      header: this.#header(entry.snapshotId, content),
      read: (target, offset) => content.read(target, offset),
      sha256: async () => {
        const sha256 = await content.sha256();
        complete = true;
        return sha256;
      },
      [Symbol.dispose]: () => {
        if (open) {
          open = false;
          this.#release(entry, complete);
        }
      },
    };
  }

  #header(snapshotId: string, { sizeBytes, position }: SnapshotContent): SnapshotHeader {
    return { snapshotId, sizeBytes, databaseId: this.#options.source.databaseId ?? new Uint8Array(), position };
  }

  /** A frozen database file is held no longer than it must be. */
  #release(entry: Entry, complete: boolean): void {
    entry.leases -= 1;
    if (entry.leases > 0 || !this.#entries.has(entry.snapshotId)) {
      return;
    }
    if (complete && entry.content?.isFrozen) {
      this.#remove(entry);
    } else {
      const { runtime, limits } = this.#options;
      entry.expiry = runtime.timers.after(limits.snapshotTtlMs, () => this.#remove(entry));
    }
  }

  #remove(entry: Entry): void {
    entry.expiry?.cancel();
    this.#entries.delete(entry.snapshotId);
    const removal =
      entry.content?.[Symbol.asyncDispose]() ?? entry.ready.then((content) => content[Symbol.asyncDispose]());
    this.#removals = Promise.allSettled([this.#removals, removal]);
  }
}
