import path from 'node:path';
import { QuorateError } from '../errors/interface.ts';
import type { TxId } from '../log/interface.ts';
import type { FileHandle, Runtime, Timer } from '../runtime/interface.ts';
import type { AppliedPosition } from '../sqlite/interface.ts';
import { requireFreeBytes } from './disk-floor.ts';
import { FileHasher } from './file-hasher.ts';
import type { DatabaseLimits } from './limits.ts';
import { runMaintenance } from './maintenance.ts';
import type { SnapshotHeader, SnapshotLease, SnapshotSource } from './types.ts';

export interface SnapshotStoreOptions {
  readonly runtime: Runtime;
  /** Folder of the snapshots of one database; emptied at the start. */
  readonly directory: string;
  readonly limits: Pick<DatabaseLimits, 'maxSnapshots' | 'snapshotTtlMs' | 'minFreeBytes'>;
  /** The SQLite file to copy. */
  readonly filePath: () => string;
  /** Its bytes. */
  readonly databaseBytes: () => number;
  readonly databaseId: () => Uint8Array | undefined;
  /** The oldest record in the log: a snapshot that ends before it leads nowhere. */
  readonly firstTxId: () => TxId;
}

/** A snapshot that is being made or is there. */
interface Entry {
  readonly snapshotId: string;
  readonly path: string;
  readonly ready: Promise<SnapshotHeader>;
  header: SnapshotHeader | undefined;
  sha256: Promise<Uint8Array> | undefined;
  leases: number;
  expiry: Timer | undefined;
}

/**
 * The snapshots of a database that replicas copy. One is made when a replica asks and none of use is there; replicas that
 * ask meanwhile share it, and it stays for a time after the last one has read from it, so that a copy can go on after a break.
 */
export class SnapshotStore implements SnapshotSource {
  readonly #options: SnapshotStoreOptions;
  /** Oldest first. */
  readonly #entries = new Map<string, Entry>();
  #closed = false;

  constructor(options: SnapshotStoreOptions) {
    this.#options = options;
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
      const header = await entry.ready;
      return this.#lease(entry, header);
    } catch (error) {
      this.#release(entry);
      throw error;
    }
  }

  /** Removes all snapshots; those who read from one can end. */
  close(): void {
    this.#closed = true;
    for (const { expiry } of this.#entries.values()) {
      expiry?.cancel();
    }
    this.#entries.clear();
    this.#options.runtime.files.removeSync(this.#options.directory);
  }

  #isUsable({ header }: Entry): boolean {
    return header === undefined || header.position.txId + 1 >= this.#options.firstTxId();
  }

  #make(): Entry {
    if (this.#closed) {
      throw new QuorateError('CANCELLED', 'the database is being closed');
    }
    this.#makeRoom();
    const { runtime, directory, limits, databaseBytes } = this.#options;
    runtime.files.makeDirectorySync(directory);
    requireFreeBytes(runtime.files, directory, databaseBytes(), limits.minFreeBytes);
    const snapshotId = Buffer.from(runtime.random.bytes(8)).toString('hex');
    const filePath = path.join(directory, `${snapshotId}.sqlite`);
    const entry: Entry = {
      snapshotId,
      path: filePath,
      ready: this.#copy(snapshotId, filePath),
      header: undefined,
      sha256: undefined,
      leases: 0,
      expiry: undefined,
    };
    this.#entries.set(snapshotId, entry);
    entry.ready.then(
      (header) => {
        entry.header = header;
      },
      () => this.#remove(entry),
    );
    return entry;
  }

  async #copy(snapshotId: string, target: string): Promise<SnapshotHeader> {
    const { runtime, filePath, databaseId } = this.#options;
    const id = databaseId();
    if (id === undefined) {
      throw new QuorateError('UNAVAILABLE', 'this upstream is itself a replica that has not met its upstream yet');
    }
    const position = await runMaintenance<AppliedPosition>({ task: 'snapshot', file: filePath(), target });
    const handle = runtime.files.openSync(target, 'read');
    try {
      return { snapshotId, sizeBytes: handle.sizeSync(), databaseId: id, position };
    } finally {
      handle.closeSync();
    }
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

  #lease(entry: Entry, header: SnapshotHeader): SnapshotLease {
    const handle: FileHandle = this.#options.runtime.files.openSync(entry.path, 'read');
    let open = true;
    return {
      header,
      read: (target, offset) => handle.read(target, offset),
      sha256: () => {
        entry.sha256 ??= new FileHasher(handle.descriptor).digest(header.sizeBytes);
        return entry.sha256;
      },
      [Symbol.dispose]: () => {
        if (open) {
          open = false;
          handle.closeSync();
          this.#release(entry);
        }
      },
    };
  }

  #release(entry: Entry): void {
    entry.leases -= 1;
    if (entry.leases === 0 && this.#entries.has(entry.snapshotId)) {
      const { runtime, limits } = this.#options;
      entry.expiry = runtime.timers.after(limits.snapshotTtlMs, () => this.#remove(entry));
    }
  }

  #remove(entry: Entry): void {
    entry.expiry?.cancel();
    this.#entries.delete(entry.snapshotId);
    this.#options.runtime.files.removeSync(entry.path);
  }
}
