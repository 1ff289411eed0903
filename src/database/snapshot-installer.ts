import path from 'node:path';
import { QuorateError } from '../errors/interface.ts';
import type { FileSystem } from '../runtime/interface.ts';
import type { AppliedPosition } from '../sqlite/interface.ts';
import { buildContent } from './content-building.ts';
import { runMaintenance } from './maintenance.ts';
import { FileInbox } from './snapshot-inbox.ts';
import type { ReplicationSink, SnapshotHeader } from './types.ts';

export interface SnapshotInstallerOptions {
  readonly files: FileSystem;
  /** Of the database. */
  readonly directory: string;
  readonly segmentSizeBytes: number;
  readonly sink: () => ReplicationSink;
  /** Number of the content that counts now. */
  readonly content: () => number;
  /** Makes a complete content the one that counts, by one atomic write, and changes over to it. */
  readonly changeContent: (content: number) => Promise<void>;
}

/** Puts a received snapshot in the place of what a replica has. */
export class SnapshotInstaller {
  readonly #options: SnapshotInstallerOptions;

  constructor(options: SnapshotInstallerOptions) {
    this.#options = options;
  }

  /**
   * Committed transactions never go: a snapshot that lacks some of them is of another history, or too old.
   * @throws QuorateError DIVERGED, WRONG_DATABASE
   */
  async check({ databaseId, position }: SnapshotHeader): Promise<void> {
    const sink = this.#options.sink();
    if (sink.databaseId !== undefined && Buffer.compare(sink.databaseId, databaseId) !== 0) {
      throw new QuorateError('WRONG_DATABASE', 'the snapshot is of another database than this replica', {
        hint: 'Delete this replica and create it again, or point it at the right upstream.',
      });
    }
    const { committed } = await sink.ends();
    const isOlder = committed.txId < position.txId;
    const isSame = committed.txId === position.txId && Buffer.compare(committed.hash, position.hash) === 0;
    if (committed.txId > 0 && !isOlder && !isSame) {
      throw diverged(position.txId, committed.txId);
    }
  }

  /** @throws QuorateError DATABASE_CORRUPT when the file is not a sound database at the position that was said; IO_ERROR */
  async verify(filePath: string, { position }: SnapshotHeader): Promise<void> {
    const found = await runMaintenance<AppliedPosition>({ task: 'check', file: filePath });
    if (found.txId !== position.txId || Buffer.compare(found.hash, position.hash) !== 0) {
      throw new QuorateError('DATABASE_CORRUPT', 'the snapshot is not at the position that was said', {
        hint: 'It is copied again; look at the upstream if that repeats itself.',
      });
    }
  }

  /**
   * Exchanges the content: everything is prepared and durable before the one atomic write that decides.
   * @throws QuorateError DISK_FULL, IO_ERROR
   */
  async install(filePath: string, header: SnapshotHeader): Promise<void> {
    const { files, directory, segmentSizeBytes } = this.#options;
    const content = this.#options.content() + 1;
    buildContent(files, { databaseDirectory: directory, content, header, filePath, segmentSizeBytes });
    await this.#options.changeContent(content);
  }
}

/** Where a replica takes snapshots in: what an earlier life has received is there already. */
export function openInbox(minFreeBytes: number, options: SnapshotInstallerOptions): FileInbox {
  const installer = new SnapshotInstaller(options);
  return new FileInbox({
    files: options.files,
    directory: path.join(options.directory, 'snapshot'),
    minFreeBytes,
    check: (header) => installer.check(header),
    verify: (filePath, header) => installer.verify(filePath, header),
    install: (filePath, header) => installer.install(filePath, header),
  });
}

function diverged(snapshotTxId: number, committedTxId: number): QuorateError {
  return new QuorateError(
    'DIVERGED',
    `the snapshot at transaction ${snapshotTxId} does not have transaction ${committedTxId}, which is committed here`,
    {
      hint: 'Two nodes were primary at once, or the upstream was restored. Decide which history counts and make the other database anew.',
      details: { snapshotTxId, committedTxId },
    },
  );
}
